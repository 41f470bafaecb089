package routemap

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Sizes in pixels.
const (
	mapHeight   = 1400
	mapNarrow   = 760
	mapWide     = 1500
	panelWidth  = 430
	outerMargin = 28
	stopRadius  = 8.5
	bend        = 0.10 // how far a leg bows out, as a share of its length
)

// Colours of what is not a route.
const (
	beyond = "#e3e9ea" // water and other towns, which the map does not tell apart
	paper  = "#fbfaf7"
	ink    = "#22303a"
	faint  = "#6b7780"
	border = "#cbc2b2"
)

// lands are the fills of planning areas, in turns: so near to each other that
// they show where areas meet and nothing else.
var lands = []string{"#f7f3ea", "#f2ecdf", "#f5f1e3", "#efe9dc", "#f8f5ee", "#f3eee6"}

// SVG draws the map with a panel beside it.
func (m *Map) SVG() []byte {
	f := m.fit(mapHeight, mapNarrow, mapWide)
	f.left, f.top = outerMargin, outerMargin
	width, height := f.width+panelWidth+3*outerMargin, f.height+2*outerMargin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(m.Title+", "+m.Subtitle))
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="%s"/>`+"\n", width, height, paper)
	fmt.Fprintf(&b, `<clipPath id="sheet"><rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="14"/></clipPath>`+"\n", f.left, f.top, f.width, f.height)
	b.WriteString(`<g clip-path="url(#sheet)">` + "\n")
	fmt.Fprintf(&b, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="%s"/>`+"\n", f.left, f.top, f.width, f.height, beyond)
	m.drawLand(&b, f)
	m.drawLines(&b, f)
	m.drawHomes(&b, f)
	m.drawStops(&b, f)
	m.drawScale(&b, f)
	b.WriteString("</g>\n")
	m.drawPanel(&b, f.left+f.width+outerMargin, f.top, f.height)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// drawLand draws territories; points nearer to each other than the eye can tell
// are left out.
func (m *Map) drawLand(b *bytes.Buffer, f frame) {
	fills := map[string]string{}
	for _, o := range m.Outlines {
		if _, ok := fills[o.Group]; !ok {
			fills[o.Group] = lands[len(fills)%len(lands)]
		}
		var path strings.Builder
		for _, ring := range o.Rings {
			draw := "M"
			lastX, lastY := math.Inf(1), math.Inf(1)
			for _, p := range ring {
				x, y := f.at(p)
				if math.Hypot(x-lastX, y-lastY) < 0.8 {
					continue
				}
				fmt.Fprintf(&path, "%s%.1f %.1f", draw, x, y)
				draw, lastX, lastY = "L", x, y
			}
			path.WriteString("Z")
		}
		fmt.Fprintf(b, `<path d="%s" fill="%s" stroke="%s" stroke-width="1" stroke-linejoin="round" fill-rule="evenodd"><title>%s</title></path>`+"\n",
			path.String(), fills[o.Group], border, html.EscapeString(o.Name))
	}
}

// drawLines draws the routes under everything else: a light edge first, so that
// lines that cross stay apart.
func (m *Map) drawLines(b *bytes.Buffer, f frame) {
	for i, r := range m.Routes {
		if len(r.Stops) == 0 {
			continue
		}
		out := leg(f, r.Home, r.Stops[0].At)
		home := leg(f, r.Stops[len(r.Stops)-1].At, r.Home)
		var between strings.Builder
		for k := 1; k < len(r.Stops); k++ {
			between.WriteString(leg(f, r.Stops[k-1].At, r.Stops[k].At))
		}
		fmt.Fprintf(b, `<g fill="none" stroke-linecap="round" stroke="%s"><title>%s</title>`, colour(i), html.EscapeString(r.Technician))
		fmt.Fprintf(b, `<path d="%s" stroke-width="1.3" stroke-dasharray="1 4.2" opacity="0.75"/>`, out+home)
		if between.Len() > 0 {
			fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="4.6" opacity="0.8"/><path d="%s" stroke-width="2.4"/>`, between.String(), paper, between.String())
		}
		b.WriteString("</g>\n")
	}
}

// leg is a slightly bowed line, always to the left of the way, so that there and
// back are two lines.
func leg(f frame, from, to Point) string {
	x1, y1 := f.at(from)
	x2, y2 := f.at(to)
	return fmt.Sprintf("M%.1f %.1fQ%.1f %.1f %.1f %.1f", x1, y1, (x1+x2)/2+bend*(y2-y1), (y1+y2)/2-bend*(x2-x1), x2, y2)
}

func (m *Map) drawHomes(b *bytes.Buffer, f frame) {
	for i, r := range m.Routes {
		x, y := f.at(r.Home)
		fmt.Fprintf(b, `<path d="M%.1f %.1fl6.5 6v7h-13v-7z" fill="%s" stroke="%s" stroke-width="2.2" stroke-linejoin="round"><title>%s sets off here</title></path>`+"\n",
			x, y-7, paper, colour(i), html.EscapeString(r.Technician))
	}
}

func (m *Map) drawStops(b *bytes.Buffer, f frame) {
	for _, s := range m.Waiting {
		x, y := f.at(s.At)
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="5" fill="%s" stroke="%s" stroke-width="2" stroke-dasharray="2 2"><title>waiting: %s</title></circle>`+"\n",
			x, y, paper, faint, html.EscapeString(s.Service))
	}
	for i, r := range m.Routes {
		fmt.Fprintf(b, `<g fill="%s" font-size="10.5" font-weight="700" text-anchor="middle">`, colour(i))
		for k, s := range r.Stops {
			x, y := f.at(s.At)
			label := fmt.Sprintf("%s, stop %d, %s: %s", r.Technician, k+1, s.Time, s.Service)
			if s.Window != "" {
				label += ", promised " + s.Window
			}
			fmt.Fprintf(b, `<g><title>%s</title><circle cx="%.1f" cy="%.1f" r="%.1f" stroke="%s" stroke-width="1.6"/><text x="%.1f" y="%.1f" fill="#fff">%d</text></g>`,
				html.EscapeString(label), x, y, stopRadius, paper, x, y+3.7, k+1)
		}
		b.WriteString("</g>\n")
	}
}

// drawScale draws two kilometres in the corner.
func (m *Map) drawScale(b *bytes.Buffer, f frame) {
	const kilometres, perDegree = 2, 111.195
	length := kilometres / perDegree * f.perLat
	x, y := f.left+24, f.top+f.height-26
	fmt.Fprintf(b, `<g stroke="%s" stroke-width="1.6" fill="none"><path d="M%.1f %.1fv6h%.1fv-6"/></g><text x="%.1f" y="%.1f" font-size="13" fill="%s" text-anchor="middle">%d km</text>`+"\n",
		faint, x, y, length, x+length/2, y-2, faint, kilometres)
}

// drawPanel writes title, figures and the list of technicians.
func (m *Map) drawPanel(b *bytes.Buffer, x, top, height float64) {
	y := top + 34
	text := func(size float64, weight int, paint, content string) {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="%.1f" font-weight="%d" fill="%s">%s</text>`+"\n", x, y, size, weight, paint, html.EscapeString(content))
	}
	text(26, 700, ink, m.Title)
	y += 30
	for _, part := range wrap(m.Subtitle, 54) {
		text(15, 400, faint, part)
		y += 22
	}
	y += 18
	for i, figure := range m.Figures {
		column := float64(i%2) * panelWidth / 2
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="27" font-weight="700" fill="%s">%s</text><text x="%.1f" y="%.1f" font-size="13.5" fill="%s">%s</text>`+"\n",
			x+column, y+10, ink, html.EscapeString(figure.Value), x+column, y+30, faint, html.EscapeString(figure.Label))
		if i%2 == 1 || i == len(m.Figures)-1 {
			y += 62
		}
	}
	note := wrap(m.Note, 66)
	foot := top + height - 16*float64(len(note)) + 8
	m.drawList(b, x, y, foot-24)
	y = foot
	for _, part := range note {
		text(12, 400, faint, part)
		y += 16
	}
}

// drawList names the technicians under their planning areas in two columns, as
// large as there is room for.
func (m *Map) drawList(b *bytes.Buffer, x, top, bottom float64) {
	lines := 0
	for i, r := range m.Routes {
		if i == 0 || m.Routes[i-1].Group != r.Group {
			lines += 2
		}
		lines++
	}
	perColumn := (lines + 3) / 2
	step := min((bottom-top)/float64(max(perColumn, 1)), 21)
	size := min(step*0.68, 13.5)
	column, line := 0.0, 0
	for i, r := range m.Routes {
		if i == 0 || m.Routes[i-1].Group != r.Group {
			if line > 0 {
				line++ // air above a heading
			}
			// A heading does not stand alone at the foot of a column.
			if column == 0 && line+2 > perColumn {
				column, line = panelWidth/2, 0
			}
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-size="%.1f" font-weight="700" fill="%s" letter-spacing="0.4">%s</text>`+"\n",
				x+column, top+step*float64(line)+size, size, ink, html.EscapeString(r.Group))
			line++
		} else if column == 0 && line >= perColumn {
			column, line = panelWidth/2, 0
		}
		y := top + step*float64(line)
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2.5" fill="%s"/><text x="%.1f" y="%.1f" font-size="%.1f" fill="%s">%s</text><text x="%.1f" y="%.1f" font-size="%.1f" fill="%s" text-anchor="end">%s</text>`+"\n",
			x+column, y+size*0.12, size, size, colour(i),
			x+column+size+7, y+size, size, ink, html.EscapeString(r.Technician),
			x+column+panelWidth/2-26, y+size, size, faint, strconv.Itoa(len(r.Stops)))
		line++
	}
}

// wrap breaks a text into lines of at most so many characters.
func wrap(text string, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
