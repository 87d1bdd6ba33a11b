package rooms_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// A list says no more statements for fifty people's rows than for three people's: what
// its rows need is read for all of them at once.
func TestAListSaysNoStatementForARow(t *testing.T) {
	t.Parallel()
	storetest.EachHeard(t, func(t *testing.T, s *store.Store, heard *storetest.Statements) {
		t.Parallel()
		r := desktest.NewRig(t, s)
		ctx := t.Context()
		maya, ana, dana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
		crowd := desktest.Crowd{Rig: r, Owner: maya, Sponsor: ana.Person, Reviewer: dana.Person}
		lists := map[string]func(ctx context.Context) (rows int, err error){
			"home": func(ctx context.Context) (int, error) {
				h, err := r.Cases.Home(ctx, maya)
				return len(h.NeedsYou) + len(h.Progress) + len(h.Tokens) + len(h.Ended) + len(h.Drafts) + len(h.Found), err
			},
			"sponsorships": func(ctx context.Context) (int, error) {
				l, err := r.Cases.Sponsorships(ctx, ana, "")
				return len(l.Waiting) + len(l.Standing) + len(l.Past), err
			},
			"queue": func(ctx context.Context) (int, error) {
				q, err := r.Cases.Queue(ctx, dana, cases.QueueFilter{})
				return len(q.Rows), err
			},
			"queue of what awaits its sponsor": func(ctx context.Context) (int, error) {
				q, err := r.Cases.Queue(ctx, dana, cases.QueueFilter{Status: access.AwaitingSponsor})
				return len(q.Rows), err
			},
			"tokens": func(ctx context.Context) (int, error) {
				l, err := r.Cases.Tokens(ctx, dana, cases.TokenFilter{})
				return len(l.Rows), err
			},
			"ended tokens": func(ctx context.Context) (int, error) {
				l, err := r.Cases.Tokens(ctx, dana, cases.TokenFilter{Status: cases.AnyEnded})
				return len(l.Rows), err
			},
			"export": func(ctx context.Context) (n int, err error) {
				err = r.Cases.ExportTokens(ctx, dana, cases.TokenFilter{}, func(cases.Case) error { n++; return nil })
				return n, err
			},
			"leaks": func(ctx context.Context) (int, error) {
				l, err := r.Leaks.List(ctx, dana, "")
				return len(l.Open) + len(l.Cleared), err
			},
			"unmanaged": func(ctx context.Context) (int, error) {
				l, err := r.Inventory.Unmanaged(ctx, dana, inventory.FoundFilter{})
				return len(l.Rows), err
			},
			"picked": func(ctx context.Context) (int, error) {
				var ids []string
				for n := range 50 {
					ids = append(ids, fmt.Sprintf("fnd_%d_0", n))
				}
				l, err := r.Inventory.Picked(ctx, dana, ids)
				return len(l), err
			},
			"mass revocations": func(ctx context.Context) (int, error) {
				l, err := r.MassRevoke.List(ctx, dana)
				return len(l), err
			},
			"navigation": func(ctx context.Context) (int, error) {
				return r.Cases.Nav(ctx, dana).Queue, nil
			},
			"a sponsor's navigation": func(ctx context.Context) (int, error) {
				return r.Cases.Nav(ctx, ana).Waiting, nil
			},
		}
		said := func(name string) (rows int, all []storetest.Statement) {
			t.Helper()
			for range 2 { // what is kept from the first time is not read the second
				all = heard.During(func() {
					var err error
					if rows, err = lists[name](ctx); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				})
			}
			return rows, all
		}
		crowd.Add(0, 3)
		few, less := map[string][]storetest.Statement{}, map[string]int{}
		for name := range lists {
			less[name], few[name] = said(name)
		}
		crowd.Add(3, 50)
		for name := range lists {
			rows, many := said(name)
			if rows <= less[name] {
				t.Errorf("%s: %d rows of three people, and %d of fifty", name, less[name], rows)
			}
			if len(many) == 0 || len(many) > len(few[name]) {
				t.Errorf("%s: %d statements for %d rows, %d for %d:\n%s", name, len(few[name]), less[name], len(many), rows, storetest.Texts(many))
			}
		}

		// The report of one mass revocation, over all tokens that live.
		plan, err := r.MassRevoke.Plan(ctx, dana, massrevoke.Choice{Filter: cases.TokenFilter{}})
		if err != nil || plan.Tokens < 100 {
			t.Fatalf("a plan of %d tokens, %v", plan.Tokens, err)
		}
		few["report"] = heard.During(func() {
			err = r.MassRevoke.Report(ctx, dana, plan.ID, func(massrevoke.Row) error { return nil })
		})
		const most = 12
		if err != nil || len(few["report"]) > most {
			t.Errorf("the report of %d tokens: %d statements, %v", plan.Tokens, len(few["report"]), err)
		}
	})
}
