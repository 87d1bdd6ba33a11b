package canvas

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
)

// The permissions about access tokens (Canvas's permission registry). They are
// held in the root account only.
const (
	PermissionCreateTokens = "create_access_tokens"
	PermissionDeleteTokens = "delete_access_tokens"
	PermissionViewTokens   = "view_user_generated_access_tokens" //nolint:gosec // a name of a right, not a credential
)

var permissionName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// Permissions asks which permissions the credential's user has in an account.
// Every name that was asked for is in the answer; what Canvas leaves out (a
// permission that this Canvas does not have) is false.
func (c *Client) Permissions(ctx context.Context, accountID string, names ...string) (map[string]bool, error) {
	const op = "show permissions"
	account, e := segment(op, "account", accountID)
	if e != nil {
		return nil, e
	}
	if len(names) == 0 {
		return nil, invalid(op, "no permission is named")
	}
	for _, n := range names {
		if !permissionName.MatchString(n) {
			return nil, invalid(op, "there is no such permission")
		}
	}
	var told map[string]truth
	if err := c.get(ctx, op, "accounts/"+account+"/permissions", url.Values{"permissions[]": names}, &told); err != nil {
		return nil, err
	}
	if told == nil {
		return nil, unreadable(op, false, http.StatusOK, "the answer is not a list of permissions", nil)
	}
	held := make(map[string]bool, len(names))
	for _, n := range names {
		held[n] = bool(told[n])
	}
	return held, nil
}

type roleJSON struct {
	ID          id     `json:"id"`
	State       string `json:"workflow_state"`
	Permissions map[string]struct {
		Enabled       truth  `json:"enabled"`
		AppliesToSelf *truth `json:"applies_to_self"`
	} `json:"permissions"`
}

// RolePermissions reads what a role may do in an account. Only true ones are in
// the answer: the roles API lists every permission, with whether it is enabled
// and whether it holds in this account itself or below it only. A role that is
// not active has none.
func (c *Client) RolePermissions(ctx context.Context, accountID, roleID string) (map[string]bool, error) {
	const op = "show role"
	account, e := segment(op, "account", accountID)
	if e != nil {
		return nil, e
	}
	role, e := numericID(op, "role", roleID)
	if e != nil {
		return nil, e
	}
	var j roleJSON
	if err := c.get(ctx, op, "accounts/"+account+"/roles/"+role, nil, &j); err != nil {
		return nil, err
	}
	if !SameID(string(j.ID), role) || j.Permissions == nil {
		return nil, unreadable(op, false, http.StatusOK, "the answer is not this role", nil)
	}
	held := map[string]bool{}
	if j.State != "active" && j.State != "built_in" {
		return held, nil
	}
	for name, p := range j.Permissions {
		if bool(p.Enabled) && (p.AppliesToSelf == nil || bool(*p.AppliesToSelf)) {
			held[name] = true
		}
	}
	return held, nil
}
