package canvas

import (
	"context"
	"net/http"
	"net/url"
)

// Account is an account of a Canvas; a root account has no ParentID.
type Account struct {
	ID, Name         string
	ParentID, RootID string // "" in the root account
	State            string
	TimeZone         string
}

// Admin is one person's admin role in one account. It says nothing about the
// account's sub-accounts: the list is per account.
type Admin struct {
	ID, Role, RoleID string
	UserID, UserName string
	State            string
}

type accountJSON struct {
	ID       id     `json:"id"`
	Name     string `json:"name"`
	ParentID id     `json:"parent_account_id"`
	RootID   id     `json:"root_account_id"`
	State    string `json:"workflow_state"`
	TimeZone string `json:"default_time_zone"`
}

func (j accountJSON) account() Account {
	return Account{
		ID: string(j.ID), Name: j.Name, ParentID: string(j.ParentID), RootID: string(j.RootID),
		State: j.State, TimeZone: j.TimeZone,
	}
}

// Account reads an account; "self" is the root account of this Canvas.
func (c *Client) Account(ctx context.Context, id string) (Account, error) {
	const op = "show account"
	account, e := segment(op, "account", id)
	if e != nil {
		return Account{}, e
	}
	var j accountJSON
	if err := c.get(ctx, op, "accounts/"+account, nil, &j); err != nil {
		return Account{}, err
	}
	if j.ID == "" {
		return Account{}, unreadable(op, false, http.StatusOK, "the answer is not an account", nil)
	}
	return j.account(), nil
}

// SubAccounts reads all accounts below an account, at any depth.
func (c *Client) SubAccounts(ctx context.Context, id string) ([]Account, error) {
	const op = "list sub-accounts"
	account, e := segment(op, "account", id)
	if e != nil {
		return nil, e
	}
	rows, err := list[accountJSON](ctx, c, op, "accounts/"+account+"/sub_accounts", url.Values{"recursive": {"true"}})
	if err != nil {
		return nil, err
	}
	out := make([]Account, 0, len(rows))
	for _, r := range rows {
		if r.ID == "" {
			return nil, unreadable(op, false, http.StatusOK, "a row of the list is incomplete", nil)
		}
		out = append(out, r.account())
	}
	return out, nil
}

type adminJSON struct {
	ID     id     `json:"id"`
	Role   string `json:"role"`
	RoleID id     `json:"role_id"`
	State  string `json:"workflow_state"`
	User   struct {
		ID   id     `json:"id"`
		Name string `json:"name"`
	} `json:"user"`
}

// AccountAdmins reads the admin roles of an account; with userIDs, only those
// of these users. State tells active ones from others.
func (c *Client) AccountAdmins(ctx context.Context, accountID string, userIDs ...string) ([]Admin, error) {
	const op = "list account admins"
	account, e := segment(op, "account", accountID)
	if e != nil {
		return nil, e
	}
	query := url.Values{}
	for _, u := range userIDs {
		user, e := numericID(op, "user", u)
		if e != nil {
			return nil, e
		}
		query.Add("user_id[]", user)
	}
	rows, err := list[adminJSON](ctx, c, op, "accounts/"+account+"/admins", query)
	if err != nil {
		return nil, err
	}
	out := make([]Admin, 0, len(rows))
	for _, r := range rows {
		if r.User.ID == "" || r.RoleID == "" || r.State == "" {
			return nil, unreadable(op, false, http.StatusOK, "a row of the list is incomplete", nil)
		}
		out = append(out, Admin{
			ID: string(r.ID), Role: r.Role, RoleID: string(r.RoleID),
			UserID: string(r.User.ID), UserName: r.User.Name, State: r.State,
		})
	}
	return out, nil
}
