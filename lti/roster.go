package lti

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ScopeNamesRoles is the scope of the names and role provisioning service.
const ScopeNamesRoles = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"

// mediaRoster is the media type of a membership container.
const mediaRoster = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"

// Bounds of one roster. Canvas's pages have at most 50 members.
const (
	maxRosterPages = 2_000
	maxMembers     = 100_000
)

// NamesRoles reads the members of a course or group (names and role provisioning
// services 2.0). Canvas lists active people with participating enrolments only;
// whoever left is missing, not marked.
type NamesRoles struct {
	Tokens *ServiceTokens
	Client *http.Client // a plain http.Client if nil; redirects are never followed
}

// Member is one person in a roster. Its roles are those of the context, with
// full URIs where the platform wrote simple names such as Instructor.
type Member struct {
	UserID     string   `json:"user_id"` // a launch's Subject
	Status     string   `json:"status"`  // Active where the platform says nothing
	Roles      []string `json:"roles"`
	Name       string   `json:"name"`
	GivenName  string   `json:"given_name"`
	FamilyName string   `json:"family_name"`
	Email      string   `json:"email"`
	// Custom is what the platform would say of the person in a launch; only of a
	// LaunchMembers roster, and only variables about people are filled in.
	Custom Custom `json:"-"`
}

// wireMember is a member as a page has it.
type wireMember struct {
	Member
	Message []struct {
		Type   string      `json:"https://purl.imsglobal.org/spec/lti/claim/message_type"`
		Custom customClaim `json:"https://purl.imsglobal.org/spec/lti/claim/custom"`
	} `json:"message"`
}

// HasRole reports as Launch.HasRole does, of the full URIs.
func (m Member) HasRole(urns ...string) bool { return hasRole(m.Roles, urns) }

// RosterError is a platform's refusal of a roster: 401 for a tool that is not in
// this context or lacks the scope, 404 for a context that is gone.
type RosterError struct {
	Status int
}

// Error returns the status.
func (e *RosterError) Error() string {
	return fmt.Sprintf("lti: platform refused the roster: status %d", e.Status)
}

// Members returns everybody in the roster at membershipsURL, which is a launch's
// NamesRolesURL, or everybody with the given role URI if role is not empty.
// The URL's host must be one of reg.RosterHosts, and every further page comes
// from the same origin. A roster of more than 100,000 people, or one whose pages
// go in circles, is an error. Members without an id are left out.
//
// The platform is asked to filter, but some filter the first page only, or not
// at all. Whatever it answers, everybody returned has the role, and nobody comes
// twice: who is listed again is one member with the roles of all entries. A role
// that nobody has, or nobody knows, returns nobody and is no error.
func (n *NamesRoles) Members(ctx context.Context, reg Registration, membershipsURL, role string) ([]Member, error) {
	role = contextRole(role)
	all, err := n.members(ctx, reg, membershipsURL, "role", role)
	if role == "" || err != nil {
		return all, err
	}
	return slices.DeleteFunc(all, func(m Member) bool { return !m.HasRole(role) }), nil
}

// LaunchMembers is Members of everybody, each with what the platform would say of
// them in a launch of a resource link (names and role provisioning services 2.0
// §2.4.2, rlid). Canvas also takes the id of the launch's own context, for which
// the custom parameters are the tool's alone and no link's.
func (n *NamesRoles) LaunchMembers(ctx context.Context, reg Registration, membershipsURL, resourceLinkID string) ([]Member, error) {
	return n.members(ctx, reg, membershipsURL, "rlid", resourceLinkID)
}

// members reads every page of a roster, asked for with one more parameter unless
// that is empty.
func (n *NamesRoles) members(ctx context.Context, reg Registration, membershipsURL, name, value string) ([]Member, error) {
	first, err := rosterURL(reg, membershipsURL)
	if err != nil {
		return nil, fmt.Errorf("lti: roster: %w", err)
	}
	q := first.Query()
	q.Set("limit", "50")
	if value != "" {
		q.Set(name, value)
	}
	first.RawQuery = q.Encode()

	all := roll{of: make(map[string]int)}
	seen := make(map[string]bool)
	for page := first; page != nil; {
		if len(seen) == maxRosterPages || seen[page.String()] {
			return nil, errors.New("lti: roster: too many pages")
		}
		seen[page.String()] = true
		got, err := n.get(ctx, reg, page)
		if err != nil {
			return nil, err
		}
		members, err := readMembers(got)
		if err != nil {
			return nil, err
		}
		if all.add(members); len(all.members) > maxMembers {
			return nil, errors.New("lti: roster: too many members")
		}
		if page, err = nextPage(got.header, page); err != nil {
			return nil, err
		}
	}
	return all.members, nil
}

// roll is a roster in which everybody stands once.
type roll struct {
	members []Member
	of      map[string]int // where a user id stands
}

func (r *roll) add(page []Member) {
	for _, m := range page {
		i, known := r.of[m.UserID]
		if !known {
			r.of[m.UserID] = len(r.members)
			r.members = append(r.members, m)
			continue
		}
		for _, role := range m.Roles {
			if have := &r.members[i].Roles; !slices.Contains(*have, role) {
				*have = append(*have, role)
			}
		}
	}
}

// rosterURL admits a URL to which we may send a token.
func rosterURL(reg Registration, raw string) (*url.URL, error) {
	u, err := endpoint(raw)
	if err != nil {
		return nil, fmt.Errorf("URL %w", err)
	}
	if host := HostOf(u); !slices.Contains(reg.RosterHosts, host) {
		return nil, fmt.Errorf("host %q is not one of the registration's", host)
	}
	return u, nil
}

// get reads a page. A token that the service refuses is renewed once: it may
// have been revoked before its time.
func (n *NamesRoles) get(ctx context.Context, reg Registration, page *url.URL) (answer, error) {
	for again := true; ; again = false {
		token, err := n.Tokens.Token(ctx, reg, ScopeNamesRoles)
		if err != nil {
			return answer{}, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
		if err != nil {
			return answer{}, errors.New("lti: roster: not a URL")
		}
		req.Header.Set("Accept", mediaRoster)
		token.Authorize(req)
		got, err := call(n.Client, req, false)
		switch {
		case err != nil:
			return answer{}, fmt.Errorf("lti: roster: %w", err)
		case got.status == http.StatusOK:
			return got, nil
		case got.status == http.StatusUnauthorized && again:
			n.Tokens.Forget(reg, token, ScopeNamesRoles)
		default:
			return answer{}, &RosterError{Status: got.status}
		}
	}
}

func readMembers(got answer) ([]Member, error) {
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if kind != mediaRoster && kind != "application/json" {
		return nil, errors.New("lti: roster: answer is not a membership container")
	}
	var body struct {
		Members *[]wireMember `json:"members"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil || body.Members == nil {
		return nil, errors.New("lti: roster: answer is not JSON of the expected shape")
	}
	members := make([]Member, 0, len(*body.Members))
	for _, w := range *body.Members {
		if w.UserID == "" {
			continue
		}
		if w.Status == "" {
			w.Status = "Active"
		}
		for n, role := range w.Roles {
			w.Roles[n] = contextRole(role)
		}
		for _, m := range w.Message {
			if m.Type == messageResourceLink {
				w.Custom = Custom(m.Custom)
			}
		}
		members = append(members, w.Member)
	}
	return members, nil
}

// nextPage returns the URL of the Link header's rel="next" (RFC 8288), which
// must have the origin of the page that names it; nil after the last page.
func nextPage(h http.Header, page *url.URL) (*url.URL, error) {
	for _, link := range splitLinks(h.Values("Link")) {
		if !slices.Contains(strings.Fields(strings.ToLower(link.rel)), "next") {
			continue
		}
		next, err := page.Parse(link.target)
		if err != nil {
			return nil, errors.New("lti: roster: the next page is not a URL")
		}
		if origin(next) != origin(page) || next.User != nil {
			return nil, errors.New("lti: roster: the next page is on another host")
		}
		return next, nil
	}
	return nil, nil
}

type link struct{ target, rel string }

// splitLinks reads Link headers. Targets may contain commas and semicolons, so
// the angle brackets are what separates.
func splitLinks(headers []string) []link {
	var links []link
	for _, rest := range headers {
		for {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			params, rest = cutParams(params)
			l := link{target: target}
			for param := range strings.SplitSeq(params, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
				if strings.EqualFold(name, "rel") && l.rel == "" {
					l.rel = strings.Trim(value, `"`)
				}
			}
			links = append(links, l)
		}
	}
	return links
}

// cutParams cuts a link's parameters from the links after it, at the first comma
// outside quotes.
func cutParams(s string) (params, rest string) {
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}
