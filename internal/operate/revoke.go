package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Revocation is a mass revocation in an operator's hands: a plan, or one that
// runs already.
type Revocation struct {
	massrevoke.Page
	Platform string // its name
	// Running: it was started before, by this command or on the page.
	Running bool

	mass *massrevoke.MassRevoke
	by   access.Caller
}

// ErrNothingMatches: a filter selects no token that could be revoked.
var ErrNothingMatches = errors.New("no token that can be revoked matches the filter; nothing was done")

// PlanRevocation finds the mass revocation of this filter that is not finished,
// or makes a plan of one; anew makes a plan in any case. platform may be empty
// where there is only one. It ends nothing.
func (c *Commands) PlanRevocation(ctx context.Context, platform, filter string, anew bool) (*Revocation, error) {
	f, err := access.ParseMassFilter(filter)
	if err != nil {
		return nil, usage("%s", err)
	}
	p, err := c.Platform(ctx, platform)
	if err != nil {
		return nil, err
	}
	r := &Revocation{Platform: p.Name, mass: c.Rooms.MassRevoke, by: access.OperatorCaller(p.Tenant, account())}
	if !anew {
		if r.Page, r.Running, err = r.mass.Unfinished(ctx, r.by, f); err != nil || r.Running {
			return r, err
		}
	}
	r.Page, err = r.mass.Plan(ctx, r.by, massrevoke.Choice{Command: f})
	var form *access.FormError
	if errors.As(err, &form) {
		return nil, ErrNothingMatches
	}
	return r, err
}

// Start starts a plan with the number that was typed. Its errors are one
// sentence each; after any of them nothing was started.
func (r *Revocation) Start(ctx context.Context, typed, reason string) error {
	p, err := r.mass.Start(ctx, r.by, r.ID, typed, reason, access.MassTerms(r.Mass).Digest())
	var form *access.FormError
	if errors.As(err, &form) {
		has := func(code string) int {
			return slices.IndexFunc(form.Fields, func(e access.FieldError) bool { return e.Code == code })
		}
		switch {
		case has("reason.revoke") >= 0:
			return usage("-reason is needed")
		case has("mass.changed") >= 0:
			return fmt.Errorf("something changed since the plan: it is %v tokens now; nothing was done, run the command again", form.Fields[has("mass.changed")].Args["Count"])
		case strings.TrimSpace(typed) == "":
			return errors.New("nothing was typed; nothing was done")
		}
		return fmt.Errorf("that is not %d; nothing was done", r.Tokens)
	}
	var other *access.TermsError
	switch {
	case errors.As(err, &other):
		return errors.New("the plan was made anew by somebody else; nothing was done, run the command again")
	case err == nil:
		r.Page = p
	}
	return err
}

// Finish works until every token is proven gone, or ctx ends. progress is told
// how far it has come every few seconds.
func (r *Revocation) Finish(ctx context.Context, progress func(p Progress, trouble error)) error {
	p, err := r.mass.Finish(ctx, r.by, r.ID, progress)
	if p.ID != "" {
		r.Page = p
	}
	return err
}

// Group is how many tokens fall under one word, Progress how far it has come.
type (
	Group    = store.MassGroup
	Progress = massrevoke.Page
)
