package canvas_test

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/accounts/self":           reply{body: `{"id":1,"name":"University","parent_account_id":null,"root_account_id":null,"workflow_state":"active","default_time_zone":"America/Denver"}`},
		"GET /api/v1/accounts/3":              reply{body: `{"id":"3","name":"Science","parent_account_id":"1","root_account_id":"1","workflow_state":"active"}`},
		"GET /api/v1/accounts/4":              reply{body: `{"name":"No id"}`},
		"GET /api/v1/accounts/1/sub_accounts": jsonList(`[{"id":"3","name":"Science","parent_account_id":"1","root_account_id":"1","workflow_state":"active"}]`),
		"GET /api/v1/accounts/3/sub_accounts": jsonList(`[{"name":"No id"}]`),
	})
	c := s.client()
	if got, err := c.Account(t.Context(), "self"); err != nil || got != (canvas.Account{ID: "1", Name: "University", State: "active", TimeZone: "America/Denver"}) {
		t.Errorf("root = %+v, %v", got, err)
	}
	science := canvas.Account{ID: "3", Name: "Science", ParentID: "1", RootID: "1", State: "active"}
	if got, err := c.Account(t.Context(), "3"); err != nil || got != science {
		t.Errorf("Account = %+v, %v", got, err)
	}
	if got, err := c.SubAccounts(t.Context(), "1"); err != nil || !reflect.DeepEqual(got, []canvas.Account{science}) {
		t.Errorf("SubAccounts = %+v, %v", got, err)
	}
	all := s.requests()
	if q, _ := url.ParseQuery(all[len(all)-1].Query); q.Get("recursive") != "true" {
		t.Errorf("query = %v", q)
	}
	_, err := c.Account(t.Context(), "4")
	wantKind(t, "an account without an id", err, canvas.Server)
	_, err = c.SubAccounts(t.Context(), "3")
	wantKind(t, "a row without an id", err, canvas.Server)
	_, err = c.Account(t.Context(), "..")
	wantKind(t, "no account", err, canvas.Invalid)
	_, err = c.SubAccounts(t.Context(), "")
	wantKind(t, "no account", err, canvas.Invalid)
}

func TestAccountAdmins(t *testing.T) {
	t.Parallel()
	row := func(user string) string {
		return `[{"id":"9","role":"AccountAdmin","role_id":"1","workflow_state":"active","user":` + user + `}]`
	}
	s := start(t, map[string]http.Handler{
		"GET /api/v1/accounts/1/admins": jsonList(row(`{"id":"60","name":"Dana Ortiz","login_id":"dana"}`)),
		"GET /api/v1/accounts/2/admins": jsonList(row(`{"name":"No id"}`)),
		"GET /api/v1/accounts/3/admins": jsonList(`[{"id":"9","role":"AccountAdmin","user":{"id":"60"},"workflow_state":"active"}]`),
		"GET /api/v1/accounts/4/admins": jsonList(`[{"id":"9","role":"AccountAdmin","role_id":"1","user":{"id":"60"}}]`),
	})
	c := s.client()
	want := []canvas.Admin{{ID: "9", Role: "AccountAdmin", RoleID: "1", UserID: "60", UserName: "Dana Ortiz", State: "active"}}
	if got, err := c.AccountAdmins(t.Context(), "1", "60", "17~61"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("AccountAdmins = %+v, %v", got, err)
	}
	if q, _ := url.ParseQuery(s.only(t).Query); !reflect.DeepEqual(q["user_id[]"], []string{"60", "170000000000061"}) {
		t.Errorf("query = %v", q)
	}
	for account, what := range map[string]string{"2": "a row without a user", "3": "a row without a role", "4": "a row without a state"} {
		_, err := c.AccountAdmins(t.Context(), account)
		wantKind(t, what, err, canvas.Server)
	}
	_, err := c.AccountAdmins(t.Context(), "1", "60", "")
	wantKind(t, "an empty user id would ask for everybody", err, canvas.Invalid)
	_, err = c.AccountAdmins(t.Context(), "x")
	wantKind(t, "no account", err, canvas.Invalid)
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	names := []string{canvas.PermissionCreateTokens, canvas.PermissionDeleteTokens, canvas.PermissionViewTokens}
	for name, tc := range map[string]struct {
		body string
		want map[string]bool // nil = an error
	}{
		"booleans":               {`{"create_access_tokens":true,"delete_access_tokens":false,"view_user_generated_access_tokens":true}`, map[string]bool{names[0]: true, names[1]: false, names[2]: true}},
		"strings":                {`{"create_access_tokens":"true","delete_access_tokens":"false","view_user_generated_access_tokens":"true"}`, map[string]bool{names[0]: true, names[1]: false, names[2]: true}},
		"what Canvas leaves out": {`{"create_access_tokens":true}`, map[string]bool{names[0]: true, names[1]: false, names[2]: false}},
		"what nobody asked for":  {`{"become_user":true}`, map[string]bool{names[0]: false, names[1]: false, names[2]: false}},
		"null":                   {`null`, nil},
		"another word":           {`{"create_access_tokens":"yes"}`, nil},
		"a list":                 {`["create_access_tokens"]`, nil},
	} {
		s := start(t, map[string]http.Handler{"GET /api/v1/accounts/self/permissions": reply{body: tc.body}})
		got, err := s.client().Permissions(t.Context(), "self", names...)
		if tc.want == nil {
			wantKind(t, name, err, canvas.Server)
			continue
		}
		if err != nil || !maps.Equal(got, tc.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if q, _ := url.ParseQuery(s.only(t).Query); !reflect.DeepEqual(q["permissions[]"], names) {
			t.Errorf("%s: query = %v", name, q)
		}
	}
	c := start(t, nil).client()
	_, err := c.Permissions(t.Context(), "1")
	wantKind(t, "no names", err, canvas.Invalid)
	_, err = c.Permissions(t.Context(), "1", "a&b")
	wantKind(t, "not a name", err, canvas.Invalid)
	_, err = c.Permissions(t.Context(), "?", "become_user")
	wantKind(t, "no account", err, canvas.Invalid)
}

func TestRolePermissions(t *testing.T) {
	t.Parallel()
	permissions := `{
		"create_access_tokens":{"enabled":true,"locked":false,"readonly":false,"explicit":true,"applies_to_self":true,"applies_to_descendants":true},
		"delete_access_tokens":{"enabled":false,"locked":false,"readonly":false,"explicit":false},
		"view_user_generated_access_tokens":{"enabled":true,"applies_to_self":false,"applies_to_descendants":true},
		"become_user":{"enabled":"true"},
		"read_roster":{"locked":true}}`
	role := func(id, state string) string {
		return `{"id":"` + id + `","label":"Account Admin","base_role_type":"AccountMembership","workflow_state":"` + state + `","permissions":` + permissions + `}`
	}
	c := start(t, map[string]http.Handler{
		"GET /api/v1/accounts/1/roles/1": reply{body: role("1", "active")},
		"GET /api/v1/accounts/1/roles/2": reply{body: role("2", "built_in")},
		"GET /api/v1/accounts/1/roles/3": reply{body: role("3", "inactive")},
		"GET /api/v1/accounts/1/roles/4": reply{body: role("40", "active")},
		"GET /api/v1/accounts/1/roles/5": reply{body: `{"id":"5","workflow_state":"active"}`},
		"GET /api/v1/accounts/1/roles/6": reply{body: `{"id":"6","permissions":{"create_access_tokens":{"enabled":true}}}`},
	}).client()
	held := map[string]bool{"create_access_tokens": true, "become_user": true}
	for role, want := range map[string]map[string]bool{"1": held, "2": held, "3": {}, "6": {}} {
		if got, err := c.RolePermissions(t.Context(), "1", role); err != nil || !maps.Equal(got, want) {
			t.Errorf("role %s: %v, %v; want %v", role, got, err, want)
		}
	}
	_, err := c.RolePermissions(t.Context(), "1", "4")
	wantKind(t, "another role", err, canvas.Server)
	_, err = c.RolePermissions(t.Context(), "1", "5")
	wantKind(t, "a role without permissions", err, canvas.Server)
	_, err = c.RolePermissions(t.Context(), "1", "AccountAdmin")
	wantKind(t, "a role by name", err, canvas.Invalid)
	_, err = c.RolePermissions(t.Context(), "", "1")
	wantKind(t, "no account", err, canvas.Invalid)
}
