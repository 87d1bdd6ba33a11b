package credential

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

// jobCredentials looks after the credentials for the schools' Canvas: one that
// works once a day, one that Canvas refused every hour.
const jobCredentials = "credentials"

// checkEvery leaves room for a job that comes a little early.
const checkEvery = 24*time.Hour - 10*time.Minute

// Schedule adds the look at every credential to a runner's work.
func (c *Clients) Schedule(r *jobs.Runner) {
	r.Handlers[jobCredentials] = jobs.Work{Queue: jobs.Long, Do: c.checkAll}
	r.Schedules = append(r.Schedules, jobs.Schedule{Kind: jobCredentials, Every: time.Hour})
}

func (c *Clients) checkAll(ctx context.Context, _ jobs.Job) error {
	var all []store.Platform
	err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.Platforms()
		return err
	})
	if err != nil {
		return err
	}
	var failed error
	for _, p := range all {
		if p.Disabled || len(p.Credential) == 0 {
			continue
		}
		var state store.CredentialState
		err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
			state, err = tx.CredentialState(p)
			return err
		})
		if age := c.Now().Sub(state.CheckedAt); err == nil && state.RefusedAt.IsZero() && age >= 0 && age < checkEvery {
			continue
		}
		if err == nil {
			err = c.check(ctx, p, state)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("the credential of %s: %w", p.Name, err))
		}
	}
	return failed
}

// check asks Canvas how the credential of a platform stands, by calls
// that change nothing, and notes it. An error means that nothing was learnt.
func (c *Clients) check(ctx context.Context, p store.Platform, was store.CredentialState) error {
	client, err := c.Of(p)
	if err != nil {
		return err
	}
	now := store.CredentialState{CheckedAt: c.Now(), EndsAt: was.EndsAt}
	_, err = client.Account(ctx, "self")
	switch {
	case canvas.KindOf(err) == canvas.Unauthenticated:
		if now.RefusedAt = was.RefusedAt; now.RefusedAt.IsZero() {
			now.RefusedAt = c.Now()
		}
	case err != nil:
		return err
	default:
		if now.EndsAt, err = End(ctx, client); err != nil {
			return err
		}
	}
	return c.Store.InTx(ctx, func(tx *store.Tx) error { return tx.RecordCredential(p, now) })
}

// End is when an admin's token ends, as Canvas tells; zero where it
// does not end, or Canvas does not tell. Where several tokens can be the one,
// the first end counts.
func End(ctx context.Context, client *canvas.Client) (ends time.Time, err error) {
	own, err := client.OwnTokens(ctx)
	switch canvas.KindOf(err) {
	case canvas.NotFound, canvas.Denied:
		return time.Time{}, nil
	}
	for _, t := range own {
		if !t.ExpiresAt.IsZero() && (ends.IsZero() || t.ExpiresAt.Before(ends)) {
			ends = t.ExpiresAt
		}
	}
	return ends, err
}

// refusal notes, for everybody, that Canvas does not accept a credential: what
// a page needs to tell the admins at once, and not a day later.
type refusal struct {
	of       *Clients
	platform store.Platform
	oauth    *oauthSource // nil for an admin's token

	mu sync.Mutex
	at time.Time // when this process noted it last
}

// noteEvery bounds how often a process writes the same down.
const noteEvery = time.Minute

func (r *refusal) note(ctx context.Context, t secret.Text) {
	if r.oauth != nil && !r.oauth.refused(ctx, t) {
		return
	}
	now := r.of.Now()
	r.mu.Lock()
	age := now.Sub(r.at)
	again := r.at.IsZero() || age < 0 || age >= noteEvery
	if again {
		r.at = now
	}
	r.mu.Unlock()
	if !again {
		return
	}
	err := r.of.Store.InTx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		state, err := tx.CredentialState(r.platform)
		if err != nil || !state.RefusedAt.IsZero() {
			return err
		}
		state.RefusedAt = now
		return tx.RecordCredential(r.platform, state)
	})
	if err != nil {
		r.of.Log.WarnContext(ctx, "that Canvas refused the credential could not be noted", "platform", r.platform.ID, "err", err)
	}
}
