package canvastest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// RosterType is the media type of names and roles.
const RosterType = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"

// maxRosterPage is both the default and the largest page
// (app/controllers/lti/ims/providers/memberships_provider.rb).
const maxRosterPage = 50

// serveNamesAndRoles lists the active people of a course
// (app/controllers/lti/ims/names_and_roles_controller.rb). Concluded, deleted
// and inactive people are simply missing; there is no status but Active and no
// way to ask for differences.
func (s *Server) serveNamesAndRoles(w http.ResponseWriter, r *http.Request) {
	key, refusal := s.serviceCaller(r, ScopeNamesAndRoles)
	if refusal != nil {
		refusal.write(w, false)
		return
	}
	answer := s.roster(r, key)
	if answer.status == http.StatusOK {
		answer.write(rosterWriter{w}, false)
		return
	}
	answer.write(w, false)
}

// rosterWriter puts the service's media type over the usual one.
type rosterWriter struct{ http.ResponseWriter }

func (w rosterWriter) WriteHeader(status int) {
	w.Header().Set("Content-Type", RosterType)
	w.ResponseWriter.WriteHeader(status)
}

func (s *Server) roster(r *http.Request, key developerKey) reply {
	defer s.lockBoth()()
	course := s.world.findCourseLocked(r.PathValue("id"))
	if course == nil {
		return serviceError(http.StatusNotFound, "not_found", "Context not found")
	}
	at := place{"course", course.ID}
	var tool *deployedTool
	for t := range s.platform.tools.all {
		if t.clientID == key.tool.ClientID && !t.deleted && s.availableLocked(t, at) {
			tool = t
		}
	}
	if tool == nil {
		return serviceError(http.StatusUnauthorized, "unauthorized", "Tool does not have access to the context")
	}
	link, valid := s.rosterLinkLocked(r.URL.Query().Get("rlid"), course, tool)
	if !valid {
		return serviceError(http.StatusBadRequest, "bad_request", "Invalid 'rlid' parameter")
	}
	role := r.URL.Query().Get("role")
	people := s.world.users.filter(func(u *User) bool {
		roles := s.world.courseRolesLocked(u.ID, course.ID)
		return u.State != StateDeleted && len(roles) > 0 && (role == "" || slices.Contains(roles, role))
	})
	slices.SortStableFunc(people, func(a, b *User) int { return int(max(-1, min(1, a.ID-b.ID))) })
	page, links := s.rosterPage(r, len(people))
	members := []any{}
	for _, u := range people[page.from:page.to] {
		sc, err := s.sceneLocked(*tool, key.tool, at, u.ID, 0)
		if err != nil {
			return serviceError(http.StatusNotFound, "not_found", "Context not found")
		}
		members = append(members, sc.member(r.URL.Query().Has("rlid"), link))
	}
	return ok(object{
		"id": s.InstitutionURL() + r.URL.RequestURI(),
		"context": object{
			"id": course.ContextID, "label": course.Code, "title": course.Name,
		},
		"members": members,
	}).with("Link", links)
}

// rosterLinkLocked checks rlid: the course's own context id, or a stored link
// of this tool in this course.
func (s *Server) rosterLinkLocked(rlid string, course *Course, tool *deployedTool) (*ResourceLink, bool) {
	if rlid == "" || rlid == course.ContextID {
		return nil, true
	}
	link := s.platform.links[rlid]
	if link == nil || link.Course != course.ID || link.ToolID != 0 && link.ToolID != tool.id {
		return nil, false
	}
	return link, true
}

type rosterRange struct{ from, to int }

// rosterPage cuts a page and writes the Link header.
func (s *Server) rosterPage(r *http.Request, total int) (rosterRange, string) {
	q := r.URL.Query()
	limit := positive(q.Get("limit"), maxRosterPage)
	limit = min(limit, maxRosterPage)
	last := max(1, (total+limit-1)/limit)
	number := positive(q.Get("page"), 1)
	from := min((number-1)*limit, total)
	address := func(page int, rel string) string {
		next := r.URL.Query()
		next.Set("page", strconv.Itoa(page))
		next.Set("limit", strconv.Itoa(limit))
		return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, s.InstitutionURL(), r.URL.Path, next.Encode(), rel)
	}
	links := map[string]string{
		"current": address(number, "current"), "first": address(1, "first"), "last": address(last, "last"),
	}
	if number < last {
		links["next"] = address(number+1, "next")
	}
	if number > 1 {
		links["prev"] = address(number-1, "prev")
	}
	return rosterRange{from, min(from+limit, total)}, joinLinks(links)
}

func positive(raw string, fallback int) int {
	if n, err := strconv.Atoi(raw); err == nil && n > 0 {
		return n
	}
	return fallback
}

// member is one person of a roster
// (app/serializers/lti/ims/names_and_roles_serializer.rb): context roles only,
// save that the test student keeps that role.
func (sc *scene) member(withMessage bool, link *ResourceLink) object {
	who := sc.user.identityIn(sc.contextID())
	roles := sc.w.courseRolesLocked(sc.user.ID, sc.course.ID)
	if sc.user.TestStudent {
		roles = sorted(append(roles, testUserRole))
	}
	m := object{"status": "Active", "user_id": who.lti, "lti11_legacy_user_id": who.lti11, "roles": roles}
	level := sc.config.PrivacyLevel
	if level == PrivacyNameOnly || level == PrivacyPublic {
		m["name"], m["given_name"], m["family_name"] = sc.user.Name, sc.user.GivenName, sc.user.FamilyName
		m["lis_person_sourcedid"] = sc.orLiteral("Person.sourcedId")
	}
	if level == PrivacyEmailOnly || level == PrivacyPublic {
		m["email"] = sc.user.Email
	}
	if level == PrivacyPublic {
		m["picture"] = sc.avatar()
	}
	if withMessage {
		sc.personOnly = true
		custom := sc.customClaim(launchMessage{link: link})
		m["message"] = []any{map[string]any{
			claimPrefix + "message_type": "LtiResourceLinkRequest", claimPrefix + "custom": custom, "locale": sc.locale(),
			"https://www.instructure.com/canvas_user_id": sc.user.ID.String(),
		}}
	}
	return m
}
