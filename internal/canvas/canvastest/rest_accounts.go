package canvastest

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

func (s *Server) routeAccounts() {
	s.api("GET", "/api/v1/accounts", listAccounts)
	s.api("GET", "/api/v1/accounts/:id", showAccount)
	s.api("GET", "/api/v1/accounts/:account_id/sub_accounts", listSubAccounts)
	s.api("GET", "/api/v1/accounts/:account_id/permissions", accountPermissions)
	s.api("GET", "/api/v1/accounts/:account_id/admins", listAdmins)
	s.api("GET", "/api/v1/accounts/:account_id/roles", listRoles)
	s.api("GET", "/api/v1/accounts/:account_id/roles/:id", showRole)
	s.api("GET", "/api/v1/accounts/:account_id/features/enabled", enabledFeatures)
	s.api("GET", "/api/v1/accounts/:account_id/users", searchUsers)
	s.api("GET", "/api/v1/accounts/:account_id/logins", accountLogins)
}

// account finds the account of the path. With a permission named, the caller
// must hold it there; with none, anybody who belongs to this Canvas may read
// the root account, and others need a role on the account or above.
func (c *call) account(name, permission string) (*Account, *reply) {
	a := c.w.findAccountLocked(c.value(name))
	if a == nil {
		return nil, refuse(notFound())
	}
	if permission != "" {
		if !c.may(a.ID, permission) {
			return nil, refuse(c.denied())
		}
		return a, nil
	}
	if a.ID == c.w.rootLocked().ID || len(c.w.permissionsLocked(c.current.ID, a.ID)) > 0 {
		return a, nil
	}
	return nil, refuse(c.denied())
}

func (c *call) accountObject(a *Account) object {
	root := c.w.rootLocked()
	o := object{
		"id": a.ID, "name": a.Name, "uuid": a.UUID, "workflow_state": a.State,
		"parent_account_id": idOrNull(a.ParentID), "root_account_id": nil,
		"default_time_zone": "America/New_York", "default_storage_quota_mb": 500,
	}
	if a.ID != root.ID && !a.SiteAdmin {
		o["root_account_id"] = root.ID
	}
	if a.GUID != "" {
		o["lti_guid"] = a.GUID
	}
	if c.may(root.ID, PermReadSIS) {
		o["sis_account_id"], o["integration_id"] = orNull(a.SISID), nil
	}
	return o
}

// listAccounts lists the accounts where the caller holds a role.
func listAccounts(c *call) reply {
	rows := c.w.accounts.filter(func(a *Account) bool {
		return c.w.admins.find(func(row *Admin) bool {
			return row.UserID == c.current.ID && row.AccountID == a.ID && row.State == StateActive
		}) != nil
	})
	return pagedList(c, rows, c.accountObject)
}

func showAccount(c *call) reply {
	a, refusal := c.account("id", "")
	if refusal != nil {
		return *refusal
	}
	return ok(c.accountObject(a))
}

func listSubAccounts(c *call) reply {
	a, refusal := c.account("account_id", PermReadCourses)
	if refusal != nil {
		return *refusal
	}
	recursive := c.params.truthy("recursive")
	rows := c.w.accounts.filter(func(other *Account) bool {
		if other.ID == a.ID || other.State != StateActive {
			return false
		}
		if recursive {
			return slices.Contains(c.w.chainLocked(other.ID), a)
		}
		return other.ParentID == a.ID
	})
	return pagedList(c, rows, c.accountObject)
}

// accountPermissions answers the asked names; unknown ones are false
// (inferred). The docs show strings where the code renders booleans.
func accountPermissions(c *call) reply {
	a, refusal := c.account("account_id", "")
	if refusal != nil {
		return *refusal
	}
	held := object{}
	for _, name := range c.params.texts("permissions") {
		granted := c.may(a.ID, name)
		if c.w.flags.PermissionsAsStrings {
			held[name] = strconv.FormatBool(granted)
		} else {
			held[name] = granted
		}
	}
	return ok(held)
}

// listAdmins lists the admins of this very account, not of those above or
// below.
func listAdmins(c *call) reply {
	a, refusal := c.account("account_id", PermManageAdmins)
	if refusal != nil {
		return *refusal
	}
	only, term := c.params.texts("user_id"), c.params.text("search_term")
	if term != "" && utf8.RuneCountInString(term) < 2 {
		return errorList(400, "search_term of 2 or more characters is required")
	}
	wanted := map[ID]bool{}
	for _, raw := range only {
		if u := c.w.findUserLocked(raw, c.current); u != nil {
			wanted[u.ID] = true
		}
	}
	rows := c.w.admins.filter(func(row *Admin) bool {
		u := c.w.users.get(row.UserID)
		return row.AccountID == a.ID && (row.State == StateActive || c.params.truthy("include_deleted")) &&
			(len(only) == 0 || wanted[u.ID]) && (term == "" || c.matchesSearch(u, term))
	})
	return pagedList(c, rows, func(row *Admin) object {
		role := c.w.roles.get(row.RoleID)
		return object{
			"id": row.ID, "role": role.Name, "role_id": role.ID, "workflow_state": row.State,
			"user": c.userObject(c.w.users.get(row.UserID), true),
		}
	})
}

// listRoles lists the account's own roles; with show_inherited those of the
// accounts above as well. Built-in roles are known everywhere.
func listRoles(c *call) reply {
	a, refusal := c.account("account_id", PermManageRoles)
	if refusal != nil {
		return *refusal
	}
	states := c.params.texts("state")
	if len(states) == 0 {
		states = []string{StateActive}
	}
	chain := c.w.chainLocked(a.ID)
	rows := c.w.roles.filter(func(r *Role) bool {
		if r.BuiltIn {
			return slices.Contains(states, StateActive)
		}
		if !slices.Contains(states, r.State) {
			return false
		}
		if c.params.truthy("show_inherited") {
			return slices.ContainsFunc(chain, func(above *Account) bool { return above.ID == r.AccountID })
		}
		return r.AccountID == a.ID
	})
	return pagedList(c, rows, c.roleObject)
}

func showRole(c *call) reply {
	_, refusal := c.account("account_id", PermManageRoles)
	if refusal != nil {
		return *refusal
	}
	id := c.w.parseIDLocked(c.value("id"))
	r := c.w.roles.get(id)
	if r == nil {
		return notFound()
	}
	return ok(c.roleObject(r))
}

func (c *call) roleObject(r *Role) object {
	permissions := object{}
	for _, name := range knownPermissions() {
		if !c.w.offeredLocked(name) || slices.Contains(rootOnly, name) && r.BaseType != AccountMembership {
			continue
		}
		permissions[name] = object{
			"enabled": r.Permissions[name], "locked": false, "readonly": false, "explicit": !r.BuiltIn,
			"applies_to_self": true, "applies_to_descendants": true, "prior_default": false,
		}
	}
	return object{
		"id": r.ID, "label": r.Label, "role": r.Name, "base_role_type": r.BaseType, "workflow_state": r.State,
		"is_account_role": r.BaseType == AccountMembership, "created_at": nil, "last_updated_at": nil,
		"account": c.accountObject(c.w.accounts.get(r.AccountID)), "permissions": permissions,
	}
}

func enabledFeatures(c *call) reply {
	if _, refusal := c.account("account_id", ""); refusal != nil {
		return *refusal
	}
	return ok(c.w.featuresLocked())
}

func searchUsers(c *call) reply {
	if _, refusal := c.account("account_id", PermReadRoster); refusal != nil {
		return *refusal
	}
	term := c.params.text("search_term")
	if term != "" && utf8.RuneCountInString(term) < 3 {
		return errorList(400, "search_term of 3 or more characters is required")
	}
	rows := c.w.users.filter(func(u *User) bool {
		return u.State != StateDeleted && !u.TestStudent && (term == "" || c.matchesSearch(u, term) || u.ID.String() == term)
	})
	return pagedList(c, rows, func(u *User) object { return c.userObject(u, true) })
}

func accountLogins(c *call) reply {
	a, refusal := c.account("account_id", PermManageLogins)
	if refusal != nil {
		return *refusal
	}
	rows := c.w.logins.filter(func(l *Login) bool { return l.AccountID == a.ID && l.State != StateDeleted })
	return pagedList(c, rows, func(l *Login) object {
		return object{
			"id": l.ID, "user_id": l.UserID, "account_id": l.AccountID, "unique_id": l.UniqueID,
			"sis_user_id": orNull(l.SISID), "integration_id": orNull(l.IntegrationID), "workflow_state": l.State,
		}
	})
}
