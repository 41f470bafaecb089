package grpcapi

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func skillFields(in *pb.Skill) []field[dispatch.Skill] {
	return []field[dispatch.Skill]{
		plain("display_name", in.GetDisplayName(), func(s *dispatch.Skill) *string { return &s.DisplayName }),
	}
}

func skillOf(s dispatch.Skill) *pb.Skill {
	return &pb.Skill{Name: s.Name(), DisplayName: s.DisplayName, Etag: etagOf(s.Version)}
}

// CreateSkill implements WorkforceService.
func (s workforceServer) CreateSkill(ctx context.Context, req *pb.CreateSkillRequest) (*pb.Skill, error) {
	skill, err := whole(skillFields(req.GetSkill()))
	if err != nil {
		return nil, err
	}
	skill.ID = dispatch.SkillID(req.GetSkillId())
	return answer(skillOf)(s.workforce.CreateSkill(ctx, callOf(ctx), skill))
}

// GetSkill implements WorkforceService.
func (s workforceServer) GetSkill(ctx context.Context, req *pb.GetSkillRequest) (*pb.Skill, error) {
	id, err := parseSlug[dispatch.SkillID]("name", "skills", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(skillOf)(s.workforce.GetSkill(ctx, callOf(ctx), id))
}

// ListSkills implements WorkforceService.
func (s workforceServer) ListSkills(ctx context.Context, req *pb.ListSkillsRequest) (*pb.ListSkillsResponse, error) {
	skills, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Skill, string, error) {
		return s.workforce.ListSkills(ctx, callOf(ctx), page)
	}, skillOf)
	return &pb.ListSkillsResponse{Skills: skills, NextPageToken: next}, err
}

// UpdateSkill implements WorkforceService.
func (s workforceServer) UpdateSkill(ctx context.Context, req *pb.UpdateSkillRequest) (*pb.Skill, error) {
	in := req.GetSkill()
	id, err := parseSlug[dispatch.SkillID]("skill.name", "skills", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("skill", req.GetUpdateMask(), skillFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(skillOf)(s.workforce.UpdateSkill(ctx, callOf(ctx), id, version, change))
}

func partFields(in *pb.Part) []field[dispatch.Part] {
	return []field[dispatch.Part]{
		plain("display_name", in.GetDisplayName(), func(p *dispatch.Part) *string { return &p.DisplayName }),
	}
}

func partOf(p dispatch.Part) *pb.Part {
	return &pb.Part{Name: p.Name(), DisplayName: p.DisplayName, Etag: etagOf(p.Version)}
}

// CreatePart implements WorkforceService.
func (s workforceServer) CreatePart(ctx context.Context, req *pb.CreatePartRequest) (*pb.Part, error) {
	part, err := whole(partFields(req.GetPart()))
	if err != nil {
		return nil, err
	}
	part.ID = dispatch.PartID(req.GetPartId())
	return answer(partOf)(s.workforce.CreatePart(ctx, callOf(ctx), part))
}

// GetPart implements WorkforceService.
func (s workforceServer) GetPart(ctx context.Context, req *pb.GetPartRequest) (*pb.Part, error) {
	id, err := parseSlug[dispatch.PartID]("name", "parts", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(partOf)(s.workforce.GetPart(ctx, callOf(ctx), id))
}

// ListParts implements WorkforceService.
func (s workforceServer) ListParts(ctx context.Context, req *pb.ListPartsRequest) (*pb.ListPartsResponse, error) {
	parts, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Part, string, error) {
		return s.workforce.ListParts(ctx, callOf(ctx), page)
	}, partOf)
	return &pb.ListPartsResponse{Parts: parts, NextPageToken: next}, err
}

// UpdatePart implements WorkforceService.
func (s workforceServer) UpdatePart(ctx context.Context, req *pb.UpdatePartRequest) (*pb.Part, error) {
	in := req.GetPart()
	id, err := parseSlug[dispatch.PartID]("part.name", "parts", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("part", req.GetUpdateMask(), partFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(partOf)(s.workforce.UpdatePart(ctx, callOf(ctx), id, version, change))
}

func serviceFields(in *pb.Service) []field[dispatch.Service] {
	type e = dispatch.Service
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(s *e) *string { return &s.DisplayName }),
		plain("description", in.GetDescription(), func(s *e) *string { return &s.Description }),
		plain("duration", in.GetDuration().AsDuration(), func(s *e) *time.Duration { return &s.Duration }).needs(in.GetDuration() != nil),
		plain("spread", in.GetSpread().AsDuration(), func(s *e) *time.Duration { return &s.Spread }),
		read("skills", func() ([]dispatch.SkillLevel, error) { return parseNeededSkills(in.GetSkills()) },
			func(s *e) *[]dispatch.SkillLevel { return &s.Skills }),
		read("parts", func() ([]dispatch.PartQuantity, error) { return parseNeededParts(in.GetParts()) },
			func(s *e) *[]dispatch.PartQuantity { return &s.Parts }),
		plain("fix_window_days", int(in.GetFixWindowDays()), func(s *e) *int { return &s.FixWindowDays }),
		plain("corrective", in.GetCorrective(), func(s *e) *bool { return &s.Corrective }),
		plain("retired", in.GetRetired(), func(s *e) *bool { return &s.Retired }),
	}
}

func parseNeededSkills(in []*pb.SkillNeed) ([]dispatch.SkillLevel, error) {
	var needs []dispatch.SkillLevel
	for _, n := range in {
		skill, err := parseSlug[dispatch.SkillID]("service.skills.skill", "skills", n.GetSkill())
		if err != nil {
			return nil, err
		}
		needs = append(needs, dispatch.SkillLevel{Skill: skill, Level: int(n.GetMinLevel())})
	}
	return needs, nil
}

func parseNeededParts(in []*pb.PartNeed) ([]dispatch.PartQuantity, error) {
	var needs []dispatch.PartQuantity
	for _, n := range in {
		part, err := parseSlug[dispatch.PartID]("service.parts.part", "parts", n.GetPart())
		if err != nil {
			return nil, err
		}
		needs = append(needs, dispatch.PartQuantity{Part: part, Quantity: int(n.GetQuantity())})
	}
	return needs, nil
}

func serviceOf(s dispatch.Service) *pb.Service {
	out := &pb.Service{
		Name: s.Name(), DisplayName: s.DisplayName, Description: s.Description,
		Duration: durationpb.New(s.Duration), Spread: durationpb.New(s.Spread),
		FixWindowDays: int32(s.FixWindowDays), //nolint:gosec // at most 730
		Corrective:    s.Corrective, Retired: s.Retired, Etag: etagOf(s.Version),
	}
	for _, n := range s.Skills {
		out.Skills = append(out.Skills, &pb.SkillNeed{Skill: slugName("skills", n.Skill), MinLevel: int32(n.Level)}) //nolint:gosec // 1 to 5
	}
	for _, n := range s.Parts {
		out.Parts = append(out.Parts, &pb.PartNeed{Part: slugName("parts", n.Part), Quantity: int32(n.Quantity)}) //nolint:gosec // at most 1,000
	}
	return out
}

// CreateService implements WorkforceService.
func (s workforceServer) CreateService(ctx context.Context, req *pb.CreateServiceRequest) (*pb.Service, error) {
	service, err := whole(serviceFields(req.GetService()))
	if err != nil {
		return nil, err
	}
	service.ID = dispatch.ServiceID(req.GetServiceId())
	return answer(serviceOf)(s.workforce.CreateService(ctx, callOf(ctx), service))
}

// GetService implements WorkforceService.
func (s workforceServer) GetService(ctx context.Context, req *pb.GetServiceRequest) (*pb.Service, error) {
	id, err := parseSlug[dispatch.ServiceID]("name", "services", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(serviceOf)(s.workforce.GetService(ctx, callOf(ctx), id))
}

// ListServices implements WorkforceService.
func (s workforceServer) ListServices(ctx context.Context, req *pb.ListServicesRequest) (*pb.ListServicesResponse, error) {
	services, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Service, string, error) {
		return s.workforce.ListServices(ctx, callOf(ctx), req.GetShowRetired(), page)
	}, serviceOf)
	return &pb.ListServicesResponse{Services: services, NextPageToken: next}, err
}

// UpdateService implements WorkforceService.
func (s workforceServer) UpdateService(ctx context.Context, req *pb.UpdateServiceRequest) (*pb.Service, error) {
	in := req.GetService()
	id, err := parseSlug[dispatch.ServiceID]("service.name", "services", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("service", req.GetUpdateMask(), serviceFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(serviceOf)(s.workforce.UpdateService(ctx, callOf(ctx), id, version, change))
}

// parseTier reads the name of a tier, under its service.
func parseTier(field, name string) (dispatch.ServiceID, dispatch.TierID, error) {
	parent, id, ok := strings.Cut(name, "/tiers/")
	service, err := parseSlug[dispatch.ServiceID](field, "services", parent)
	if err != nil || !ok || service == "" || !slugPattern.MatchString(id) {
		return "", "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, field,
			"%.160q is not a resource name, expected services/{service}/tiers/{tier}", name)
	}
	return service, dispatch.TierID(id), nil
}

func tierFields(in *pb.Tier) []field[dispatch.Tier] {
	type e = dispatch.Tier
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(t *e) *string { return &t.DisplayName }),
		read("price", func() (dispatch.Money, error) {
			price, err := parseMoney("tier.price", in.GetPrice())
			if price == nil {
				return dispatch.Money{}, err
			}
			return *price, err
		}, func(t *e) *dispatch.Money { return &t.Price }).needs(in.GetPrice() != nil),
		read("price_rules", func() ([]dispatch.PriceRule, error) {
			return parsePriceRules("tier.price_rules", in.GetPriceRules())
		}, func(t *e) *[]dispatch.PriceRule { return &t.Rules }),
		read("price_cap", func() (*dispatch.Money, error) { return parseMoney("tier.price_cap", in.GetPriceCap()) },
			func(t *e) **dispatch.Money { return &t.Cap }),
		plain("short_notice", in.GetShortNotice(), func(t *e) *bool { return &t.ShortNotice }),
		plain("on_time_floor", in.GetOnTimeFloor(), func(t *e) *float64 { return &t.OnTimeFloor }),
	}
}

func tierOf(t dispatch.Tier) *pb.Tier {
	out := &pb.Tier{
		Name: t.Name(), DisplayName: t.DisplayName, Price: moneyOf(t.Price), OnTimeFloor: t.OnTimeFloor,
		ShortNotice: t.ShortNotice, PriceRules: priceRulesOf(t.Rules), Etag: etagOf(t.Version),
	}
	if t.Cap != nil {
		out.PriceCap = moneyOf(*t.Cap)
	}
	return out
}

// CreateTier implements WorkforceService.
func (s workforceServer) CreateTier(ctx context.Context, req *pb.CreateTierRequest) (*pb.Tier, error) {
	service, err := parseSlug[dispatch.ServiceID]("parent", "services", req.GetParent())
	if err != nil {
		return nil, err
	}
	tier, err := whole(tierFields(req.GetTier()))
	if err != nil {
		return nil, err
	}
	tier.Service, tier.ID = service, dispatch.TierID(req.GetTierId())
	return answer(tierOf)(s.workforce.CreateTier(ctx, callOf(ctx), tier))
}

// GetTier implements WorkforceService.
func (s workforceServer) GetTier(ctx context.Context, req *pb.GetTierRequest) (*pb.Tier, error) {
	service, id, err := parseTier("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(tierOf)(s.workforce.GetTier(ctx, callOf(ctx), service, id))
}

// ListTiers implements WorkforceService.
func (s workforceServer) ListTiers(ctx context.Context, req *pb.ListTiersRequest) (*pb.ListTiersResponse, error) {
	service, err := parseSlug[dispatch.ServiceID]("parent", "services", req.GetParent())
	if err != nil {
		return nil, err
	}
	tiers, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Tier, string, error) {
		return s.workforce.ListTiers(ctx, callOf(ctx), service, page)
	}, tierOf)
	return &pb.ListTiersResponse{Tiers: tiers, NextPageToken: next}, err
}

// UpdateTier implements WorkforceService.
func (s workforceServer) UpdateTier(ctx context.Context, req *pb.UpdateTierRequest) (*pb.Tier, error) {
	in := req.GetTier()
	service, id, err := parseTier("tier.name", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("tier", req.GetUpdateMask(), tierFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(tierOf)(s.workforce.UpdateTier(ctx, callOf(ctx), service, id, version, change))
}
