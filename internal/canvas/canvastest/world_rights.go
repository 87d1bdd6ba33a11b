package canvastest

import (
	"errors"
	"fmt"
	"slices"
)

// Permissions that the stand-in asks about, in Canvas's spelling.
const (
	PermCreateTokens      = "create_access_tokens"
	PermDeleteTokens      = "delete_access_tokens"
	PermViewTokens        = "view_user_generated_access_tokens"
	PermBecomeUser        = "become_user"
	PermReadRoster        = "read_roster"
	PermReadCourses       = "read_course_list"
	PermManageLogins      = "manage_user_logins"
	PermManageAdmins      = "manage_account_memberships"
	PermManageRoles       = "manage_role_overrides"
	PermManageAccount     = "manage_account_settings"
	PermReadReports       = "read_reports"
	PermReadEmail         = "read_email_addresses"
	PermReadSIS           = "read_sis"
	PermSendMessages      = "send_messages"
	PermManageDeveloper   = "manage_developer_keys"
	PermManageLTI         = "manage_lti_add"
	PermManageAssignments = "manage_assignments_add"
)

// rootOnly are permissions that only a role on the root account can hold
// (Canvas's permission registry: account_only root).
var rootOnly = []string{PermCreateTokens, PermDeleteTokens, PermViewTokens, PermBecomeUser, PermManageDeveloper}

func knownPermissions() []string {
	return []string{
		PermCreateTokens, PermDeleteTokens, PermViewTokens, PermBecomeUser, PermReadRoster,
		PermReadCourses, PermManageLogins, PermManageAdmins, PermManageRoles, PermManageAccount,
		PermReadReports, PermReadEmail, PermReadSIS, PermSendMessages, PermManageDeveloper,
		PermManageLTI, PermManageAssignments,
	}
}

func grants(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// rootLocked returns the root account of this domain.
func (w *World) rootLocked() *Account {
	return must(w.accounts.find(func(a *Account) bool { return a.ParentID == 0 && !a.SiteAdmin }), "account", "root")
}

// chainLocked returns the account and its ancestors, nearest first.
func (w *World) chainLocked(id ID) []*Account {
	var chain []*Account
	for a := w.accounts.get(id); a != nil; a = w.accounts.get(a.ParentID) {
		chain = append(chain, a)
	}
	return chain
}

// adminRowsLocked returns the user's active admin rows under this domain.
func (w *World) adminRowsLocked(user ID) []*Admin {
	return w.admins.filter(func(a *Admin) bool {
		return a.UserID == user && a.State == StateActive && !w.accounts.get(a.AccountID).SiteAdmin
	})
}

func (w *World) siteAdminLocked(user ID) bool {
	return w.admins.find(func(a *Admin) bool {
		return a.UserID == user && a.State == StateActive && w.accounts.get(a.AccountID).SiteAdmin
	}) != nil
}

// offeredLocked says whether this era has the permission at all.
func (w *World) offeredLocked(permission string) bool {
	switch permission {
	case PermCreateTokens:
		return w.managedLocked()
	case PermDeleteTokens:
		return w.managedLocked() || w.era == Era2 && w.flags.StudentAccessTokenManagement
	case PermViewTokens:
		return w.listingLocked()
	}
	return true
}

// grantedLocked says whether the user holds the permission on the account by
// an admin row there or on an ancestor, or as site admin.
func (w *World) grantedLocked(user, account ID, permission string) bool {
	if !w.offeredLocked(permission) {
		return false
	}
	if w.siteAdminLocked(user) {
		return slices.Contains(knownPermissions(), permission)
	}
	root := w.rootLocked().ID
	for _, a := range w.chainLocked(account) {
		if slices.Contains(rootOnly, permission) && a.ID != root {
			continue
		}
		for _, row := range w.adminRowsLocked(user) {
			if row.AccountID == a.ID && w.roles.get(row.RoleID).Permissions[permission] {
				return true
			}
		}
	}
	return false
}

// permissionsLocked lists what the user holds on the account.
func (w *World) permissionsLocked(user, account ID) []string {
	var held []string
	for _, name := range knownPermissions() {
		if w.grantedLocked(user, account, name) {
			held = append(held, name)
		}
	}
	return held
}

// Granted says whether the user holds the permission on the account, as
// Canvas would answer now.
func (w *World) Granted(user, account, permission string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.grantedLocked(must(w.userByKeyLocked(user), "user", user).ID,
		must(w.accountByKeyLocked(account), "account", account).ID, permission)
}

// AddAdmin gives the user the role of this key on the account.
func (w *World) AddAdmin(user, account, role string) Admin {
	w.mu.Lock()
	defer w.mu.Unlock()
	row, err := w.addAdminLocked(user, account, role)
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	return *row
}

func (w *World) addAdminLocked(user, account, role string) (*Admin, error) {
	u, a, r := w.userByKeyLocked(user), w.accountByKeyLocked(account), w.roleByKeyLocked(role)
	if u == nil || a == nil || r == nil || r.BaseType != AccountMembership {
		return nil, fmt.Errorf("no such user, account or account role: %q, %q, %q", user, account, role)
	}
	id := w.newIDLocked("admin")
	return w.admins.put(id, &Admin{ID: id, AccountID: a.ID, UserID: u.ID, RoleID: r.ID, State: StateActive}), nil
}

// RemoveAdmin takes every admin role on the account from the user and returns
// how many there were.
func (w *World) RemoveAdmin(user, account string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, a := must(w.userByKeyLocked(user), "user", user), must(w.accountByKeyLocked(account), "account", account)
	return w.removeAdminLocked(u, a)
}

func (w *World) removeAdminLocked(u *User, a *Account) int {
	n := 0
	for row := range w.admins.all {
		if row.UserID == u.ID && row.AccountID == a.ID && row.State == StateActive {
			row.State = StateDeleted
			n++
		}
	}
	return n
}

// SetPermission switches one permission of a role.
func (w *World) SetPermission(role, permission string, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	must(w.roleByKeyLocked(role), "role", role).Permissions[permission] = on
}

// SetLoginState moves every login of the user to state ("active",
// "suspended"); without an active one the user's tokens stop working.
func (w *World) SetLoginState(user, state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := must(w.userByKeyLocked(user), "user", user)
	for l := range w.logins.all {
		if l.UserID == u.ID {
			l.State = state
		}
	}
}

// MergeUsers merges one user into another as Canvas does: the first is
// deleted and points at the second, enrollments, admin rows, tokens and logins
// move, and in the contexts of the first one's enrollments launches keep
// showing the old LTI ids. Tokens that are left stay with the first: nobody
// promises that a merge moves every one.
func (w *World) MergeUsers(from, into string, left ...ID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mergeLocked(w.userByKeyLocked(from), w.userByKeyLocked(into), left)
}

func (w *World) mergeLocked(from, into *User, left []ID) error {
	if from == nil || into == nil || from == into || from.State == StateDeleted || into.State == StateDeleted {
		return errors.New("merging needs two different, living users")
	}
	past := slices.Clone(into.Past)
	for e := range w.enrollments.all {
		if e.UserID != from.ID {
			continue
		}
		e.UserID = into.ID
		context := w.courses.get(e.CourseID).ContextID
		if !slices.ContainsFunc(past, func(p PastIdentity) bool { return p.ContextID == context }) {
			past = append(past, PastIdentity{ContextID: context, LTIID: from.LTIID, LTI11ID: from.LTI11ID, UUID: from.UUID})
		}
	}
	into.Past = append(past, from.Past...)
	for row := range w.admins.all {
		if row.UserID == from.ID {
			row.UserID = into.ID
		}
	}
	for t := range w.tokens.all {
		if t.UserID == from.ID && !slices.Contains(left, t.ID) {
			t.UserID = into.ID
		}
	}
	for l := range w.logins.all {
		if l.UserID == from.ID {
			l.UserID = into.ID
		}
	}
	from.State, from.MergedInto = StateDeleted, into.ID
	return nil
}
