package authority

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file keeps who holds a role in an account below the root. Canvas has no
// question for one person in all accounts: where there are few, each is asked
// when somebody is judged; where there are many, a table is read that a job fills.

// The jobs of this room.
const (
	JobAccounts = "inventory.accounts" // begins the reading where it is time
	JobRoles    = "inventory.roles"    // reads one tenant's
)

// How the accounts below the root are read.
const (
	// maxSubAccounts is up to how many sub-accounts each is asked for one person, now.
	maxSubAccounts = 40
	// RolesEvery is how old the table may be before it is read anew, RolesLife how
	// old before it is no answer. Between lie the tries of a day.
	RolesEvery = 6 * time.Hour
	RolesLife  = 24 * time.Hour
	RolesBatch = 50 // accounts read by one run of the job
)

// accountsHandler begins the reading of account roles for each tenant.
func (au *Authority) accountsHandler(ctx context.Context, j jobs.Job) error {
	tenants, err := au.desk.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		err = errors.Join(err, au.desk.Store.InsertJob(ctx, desk.NewJob(t.ID, JobRoles, JobRoles+":"+string(t.ID)+":"+j.Key, nil, au.desk.Now())))
	}
	return err
}

// rolesHandler reads what is due of a tenant's account roles, some accounts a
// run. An account that cannot be read keeps nobody from the others; the next hour
// tries it again.
func (au *Authority) rolesHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	tenant := access.TenantID(j.Tenant)
	f, off, err := au.desk.CanvasInUse(ctx, tenant)
	if err != nil || off {
		return err
	}
	if au.desk.Resting(tenant) {
		return jobs.Later(desk.RestFor)
	}
	due := au.desk.Now().Add(-RolesEvery)
	known, err := au.accountReads(ctx, tenant)
	if err != nil {
		return err
	}
	if known.Listed.Before(due) {
		if err := au.listAccounts(ctx, f); err != nil {
			au.desk.Log.WarnContext(ctx, "the accounts below the root could not be listed", "err", err)
			return nil
		}
	}
	var some []string
	if err := au.desk.Store.Read(ctx, func(tx *store.Tx) (err error) {
		some, err = tx.AccountsToRead(tenant, due, RolesBatch)
		return err
	}); err != nil {
		return err
	}
	unread := 0
	for _, account := range some {
		if err := au.readRoles(ctx, f, account); err != nil {
			unread++
			au.desk.Log.WarnContext(ctx, "the roles of an account could not be read", "account", account, "err", err)
			if au.desk.Resting(tenant) {
				return nil
			}
		}
	}
	if len(some) < RolesBatch || unread == len(some) {
		return nil
	}
	return jobs.Later(time.Second)
}

func (au *Authority) listAccounts(ctx context.Context, f desk.Canvas) error {
	at := au.desk.Now()
	subs, err := f.SubAccounts(ctx, f.Root())
	if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		return err
	}
	ids := make([]string, len(subs))
	for i, a := range subs {
		ids[i] = a.ID
	}
	return au.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SetAccounts(f.Tenant.ID, ids, at) })
}

func (au *Authority) readRoles(ctx context.Context, f desk.Canvas, account string) error {
	at := au.desk.Now()
	admins, err := f.AccountAdmins(ctx, account)
	if desk.NotFound(err) {
		return au.listAccounts(ctx, f) // it is no more, or else stays unread
	}
	if au.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		return err
	}
	var roles []store.AccountRole
	for _, a := range admins {
		if a.State != "deleted" {
			roles = append(roles, store.AccountRole{CanvasUser: a.UserID, Role: a.RoleID})
		}
	}
	return au.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SetAccountRoles(f.Tenant.ID, account, roles, at) })
}

// AccountRole reports whether a person holds any account role in this Canvas: at
// the root by its list now, below it by each account's list now where there are
// few, else by the table. A table that was never filled, or not for RolesLife, is
// WhyCanvas.
func (au *Authority) AccountRole(ctx context.Context, f desk.Canvas, user string) (bool, error) {
	has := func(account string) (bool, error) {
		admins, err := f.AccountAdmins(ctx, account, user)
		if err != nil {
			return false, au.desk.TrackAnswer(f.Tenant.ID, err)
		}
		return slices.ContainsFunc(admins, func(a canvas.Admin) bool { return a.UserID == user && a.State != "deleted" }), nil
	}
	if yes, err := has(f.Root()); err != nil || yes {
		return yes, err
	}
	few, err := au.fewAccounts(ctx, f)
	if err != nil {
		return false, err
	}
	if few == nil {
		held, err := au.tabled(ctx, f.Tenant.ID, user)
		return len(held) > 0, err
	}
	for _, account := range few {
		if yes, err := has(account); err != nil || yes {
			return yes, err
		}
	}
	return false, nil
}

// AccountRoles are all people who hold an account role, as AccountRole has it,
// read once for a while.
func (au *Authority) AccountRoles(ctx context.Context, f desk.Canvas) (map[string]bool, error) {
	return desk.Remember(au.desk, string(f.Tenant.ID)+" account roles", func() (map[string]bool, error) {
		few, err := au.fewAccounts(ctx, f)
		if err != nil {
			return nil, err
		}
		out := map[string]bool{}
		for _, account := range append([]string{f.Root()}, few...) {
			admins, err := f.AccountAdmins(ctx, account)
			if err != nil {
				return nil, au.desk.TrackAnswer(f.Tenant.ID, err)
			}
			for _, a := range admins {
				if a.State != "deleted" {
					out[a.UserID] = true
				}
			}
		}
		if few != nil {
			return out, nil
		}
		held, err := au.tabled(ctx, f.Tenant.ID)
		for _, user := range held {
			out[user] = true
		}
		return out, err
	})
}

// fewAccounts are the ids of the accounts below the root where each can be asked
// for one person; nil where they are too many. That they are many the table tells
// without a question to Canvas.
func (au *Authority) fewAccounts(ctx context.Context, f desk.Canvas) ([]string, error) {
	if known, err := au.accountReads(ctx, f.Tenant.ID); err != nil || au.current(known) {
		return nil, err
	}
	subs, err := desk.Remember(au.desk, string(f.Tenant.ID)+" sub-accounts", func() ([]canvas.Account, error) {
		return f.SubAccounts(ctx, f.Root())
	})
	if err != nil {
		return nil, au.desk.TrackAnswer(f.Tenant.ID, err)
	}
	if len(subs) > maxSubAccounts {
		return nil, nil
	}
	ids := make([]string, len(subs))
	for i, a := range subs {
		ids[i] = a.ID
	}
	return ids, nil
}

func (au *Authority) accountReads(ctx context.Context, tenant access.TenantID) (known store.AccountReads, err error) {
	err = au.desk.Store.Read(ctx, func(tx *store.Tx) error {
		known, err = tx.AccountReads(tenant)
		return err
	})
	return known, err
}

// current reports whether the table is an answer: it knows of as many accounts as
// it is for, and all of it is new enough.
func (au *Authority) current(known store.AccountReads) bool {
	return known.Accounts > maxSubAccounts && !known.Oldest.IsZero() && au.desk.Now().Sub(known.Oldest) <= RolesLife
}

// tabled are the Canvas ids of people with a role below the root by the table; of
// one person where one is given.
func (au *Authority) tabled(ctx context.Context, tenant access.TenantID, user ...string) ([]string, error) {
	known, err := au.accountReads(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if !au.current(known) {
		au.desk.Log.WarnContext(ctx, "account roles are not known: their table is not filled, or too old", "oldest", known.Oldest, "listed", known.Listed)
		return nil, access.Refuse(access.WhyCanvas)
	}
	var held []string
	err = au.desk.Store.Read(ctx, func(tx *store.Tx) error {
		held, err = tx.AccountRoleHolders(tenant, user...)
		return err
	})
	return held, err
}
