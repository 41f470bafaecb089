package grpcapi

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/workforce"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// workforceServer answers WorkforceService: technicians and members here, time in
// workforce_time.go, the map in workforce_map.go, the catalogue in
// workforce_catalogue.go.
type workforceServer struct {
	pb.UnimplementedWorkforceServiceServer
	workforce *workforce.Workforce
	pages     pages
}

func technicianFields(in *pb.Technician) []field[dispatch.Technician] {
	type e = dispatch.Technician
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(t *e) *string { return &t.DisplayName }),
		plain("email", in.GetEmail(), func(t *e) *string { return &t.Email }),
		plain("phone", in.GetPhone(), func(t *e) *string { return &t.Phone }),
		read("home", func() (dispatch.Point, error) { return parsePoint("technician.home", in.GetHome()) },
			func(t *e) *dispatch.Point { return &t.Home }).needs(in.GetHome() != nil),
		read("planning_area", func() (dispatch.PlanningAreaID, error) {
			return parseSlug[dispatch.PlanningAreaID]("technician.planning_area", "planningAreas", in.GetPlanningArea())
		}, func(t *e) *dispatch.PlanningAreaID { return &t.PlanningArea }),
		read("skills", func() ([]dispatch.SkillLevel, error) { return parseHeldSkills(in.GetSkills()) },
			func(t *e) *[]dispatch.SkillLevel { return &t.Skills }),
	}
}

func parseHeldSkills(in []*pb.TechnicianSkill) ([]dispatch.SkillLevel, error) {
	var skills []dispatch.SkillLevel
	for _, s := range in {
		skill, err := parseSlug[dispatch.SkillID]("technician.skills.skill", "skills", s.GetSkill())
		if err != nil {
			return nil, err
		}
		until, err := parseDate("technician.skills.valid_until_date", s.GetValidUntilDate())
		if err != nil {
			return nil, err
		}
		skills = append(skills, dispatch.SkillLevel{Skill: skill, Level: int(s.GetLevel()), ValidUntil: until})
	}
	return skills, nil
}

// technicianFor shows a technician to a caller: his home is nobody's business but
// the administrator's.
func technicianFor(caller dispatch.Principal) func(dispatch.Technician) *pb.Technician {
	return func(t dispatch.Technician) *pb.Technician {
		out := &pb.Technician{
			Name: t.Name(), DisplayName: t.DisplayName, Email: t.Email, Phone: t.Phone,
			PlanningArea: slugName("planningAreas", t.PlanningArea), Active: t.Active, Etag: etagOf(t.Version),
		}
		if caller.Role == administrator {
			out.Home = pointOf(t.Home)
		}
		for _, s := range t.Skills {
			out.Skills = append(out.Skills, &pb.TechnicianSkill{
				Skill: slugName("skills", s.Skill), Level: int32(s.Level), ValidUntilDate: dateOf(s.ValidUntil), //nolint:gosec // 1 to 5
			})
		}
		return out
	}
}

// CreateTechnician implements WorkforceService.
func (s workforceServer) CreateTechnician(ctx context.Context, req *pb.CreateTechnicianRequest) (*pb.Technician, error) {
	t, err := whole(technicianFields(req.GetTechnician()))
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	return answer(technicianFor(call.Principal))(s.workforce.CreateTechnician(ctx, call, t))
}

// GetTechnician implements WorkforceService.
func (s workforceServer) GetTechnician(ctx context.Context, req *pb.GetTechnicianRequest) (*pb.Technician, error) {
	var id dispatch.TechnicianID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	call := callOf(ctx)
	return answer(technicianFor(call.Principal))(s.workforce.GetTechnician(ctx, call, id))
}

// ListTechnicians implements WorkforceService.
func (s workforceServer) ListTechnicians(ctx context.Context, req *pb.ListTechniciansRequest) (*pb.ListTechniciansResponse, error) {
	area, err := parseSlug[dispatch.PlanningAreaID]("planning_area", "planningAreas", req.GetPlanningArea())
	if err != nil {
		return nil, err
	}
	call, filter := callOf(ctx), dispatch.TechnicianFilter{PlanningArea: area, ShowInactive: req.GetShowInactive()}
	technicians, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Technician, string, error) {
		return s.workforce.ListTechnicians(ctx, call, filter, page)
	}, technicianFor(call.Principal))
	return &pb.ListTechniciansResponse{Technicians: technicians, NextPageToken: next}, err
}

// UpdateTechnician implements WorkforceService.
func (s workforceServer) UpdateTechnician(ctx context.Context, req *pb.UpdateTechnicianRequest) (*pb.Technician, error) {
	in := req.GetTechnician()
	var id dispatch.TechnicianID
	if err := parseName("technician.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("technician", req.GetUpdateMask(), technicianFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	return answer(technicianFor(call.Principal))(s.workforce.UpdateTechnician(ctx, call, id, version, change))
}

// DeactivateTechnician implements WorkforceService.
func (s workforceServer) DeactivateTechnician(ctx context.Context, req *pb.DeactivateTechnicianRequest) (*pb.Technician, error) {
	var id dispatch.TechnicianID
	version, err := parseTarget(req, &id)
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	return answer(technicianFor(call.Principal))(s.workforce.DeactivateTechnician(ctx, call, id, version))
}

// ReactivateTechnician implements WorkforceService.
func (s workforceServer) ReactivateTechnician(ctx context.Context, req *pb.ReactivateTechnicianRequest) (*pb.Technician, error) {
	var id dispatch.TechnicianID
	version, err := parseTarget(req, &id)
	if err != nil {
		return nil, err
	}
	call := callOf(ctx)
	return answer(technicianFor(call.Principal))(s.workforce.ReactivateTechnician(ctx, call, id, version))
}

// parseTarget reads name and etag of a request that acts on one resource.
func parseTarget[K dispatch.Kind](req interface {
	GetName() string
	GetEtag() string
}, into *dispatch.ID[K],
) (version int64, err error) {
	if err := parseName("name", req.GetName(), into); err != nil {
		return 0, err
	}
	return parseEtag(req.GetEtag())
}

var memberRoles = map[int32]dispatch.Role{
	int32(pb.Role_ROLE_CUSTOMER):      customer,
	int32(pb.Role_ROLE_TECHNICIAN):    technician,
	int32(pb.Role_ROLE_DISPATCHER):    dispatcher,
	int32(pb.Role_ROLE_SALES):         sales,
	int32(pb.Role_ROLE_ADMINISTRATOR): administrator,
}

func memberOf(m dispatch.Member) *pb.Member {
	return &pb.Member{
		Issuer: m.Issuer, Subject: m.Subject, Role: numberOf[pb.Role](memberRoles, m.Role), DisplayName: m.DisplayName,
		Email: m.Email, Technician: nameOrEmpty(m.Technician), Customer: nameOrEmpty(m.Customer), Disabled: m.Disabled,
	}
}

// GrantRole implements WorkforceService.
func (s workforceServer) GrantRole(ctx context.Context, req *pb.GrantRoleRequest) (*pb.Member, error) {
	in := req.GetMember()
	m := dispatch.Member{
		Issuer: in.GetIssuer(), Subject: in.GetSubject(), Role: memberRoles[int32(in.GetRole())],
		DisplayName: in.GetDisplayName(), Email: in.GetEmail(),
	}
	err := joinFaults(parseOptionalName("member.technician", in.GetTechnician(), &m.Technician),
		parseOptionalName("member.customer", in.GetCustomer(), &m.Customer))
	if err != nil {
		return nil, err
	}
	return answer(memberOf)(s.workforce.GrantRole(ctx, callOf(ctx), m))
}

// RevokeRole implements WorkforceService.
func (s workforceServer) RevokeRole(ctx context.Context, req *pb.RevokeRoleRequest) (*pb.Member, error) {
	return answer(memberOf)(s.workforce.RevokeRole(ctx, callOf(ctx), req.GetIssuer(), req.GetSubject()))
}

// ListMembers implements WorkforceService.
func (s workforceServer) ListMembers(ctx context.Context, req *pb.ListMembersRequest) (*pb.ListMembersResponse, error) {
	members, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Member, string, error) {
		return s.workforce.ListMembers(ctx, callOf(ctx), req.GetShowDisabled(), page)
	}, memberOf)
	return &pb.ListMembersResponse{Members: members, NextPageToken: next}, err
}
