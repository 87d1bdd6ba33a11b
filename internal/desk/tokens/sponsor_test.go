package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestSponsorGapClosed(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, _ := r.Gapped()
		if g.Sponsor != "" || g.State != access.Active || !g.GapUntil.Equal(r.Clock.Now().Add(desktest.BuiltIn.Windows.SponsorGap)) {
			r.T.Fatalf("without a sponsor: %+v", g)
		}
		r.Drain()
		if n := r.Inbox("maya", "needs another sponsor"); n != 1 {
			r.T.Errorf("%d messages to the owner", n)
		}
		maya := r.As("maya", access.DoorCourse)
		h, err := r.Cases.Home(r.T.Context(), maya)
		if err != nil || len(h.NeedsYou) != 1 || !h.NeedsYou[0].Can[access.NameNext] {
			r.T.Errorf("home: %+v, %v", h, err)
		}
		helen := r.Helen()
		for range 2 { // pressed twice
			if _, err := r.Tokens.NameSponsor(r.T.Context(), maya, g.ID, r.W.User("helen").ID.String()); err != nil {
				r.T.Fatal(err)
			}
		}
		r.Drain()
		if n := r.Inbox("helen", "asks you to take over"); n != 1 {
			r.T.Errorf("%d messages to the one asked", n)
		}
		l, err := r.Cases.Sponsorships(r.T.Context(), helen, "")
		if nav := r.Cases.Nav(r.T.Context(), helen); err != nil || len(l.Waiting) != 1 || !l.Waiting[0].Can[access.TakeOver] || nav.Waiting != 1 {
			r.T.Errorf("who was asked sees %+v, %d waiting, %v", l, nav.Waiting, err)
		}
		for range 2 {
			if _, err := r.Tokens.TakeOver(r.T.Context(), helen, g.ID, r.TermsOf(g.ID)); err != nil {
				r.T.Fatal(err)
			}
		}
		now := r.Grant(g.ID)
		if now.Sponsor != helen.Person || !now.GapUntil.IsZero() || now.SponsorAsked != "" {
			r.T.Errorf("after taking over: %+v", now)
		}
		r.Drain()
		if n := r.Inbox("maya", "has a sponsor again"); n != 1 {
			r.T.Errorf("%d messages to the owner", n)
		}
		l, err = r.Cases.Sponsorships(r.T.Context(), helen, "")
		if err != nil || len(l.Standing) != 1 || len(l.Waiting) != 0 {
			r.T.Errorf("she stands for %+v, %v", l, err)
		}
		l, err = r.Cases.Sponsorships(r.T.Context(), r.As("ana", access.DoorCourse), "")
		if err != nil || len(l.Standing) != 0 || len(l.Past) != 1 {
			r.T.Errorf("the first sponsor's list: %+v, %v", l, err)
		}
		// From here on it is hers to end.
		if _, err := r.Tokens.Revoke(r.T.Context(), r.As("ana", access.DoorCourse), g.ID, "mine"); access.WhyOf(err) != access.WhyNotYours {
			r.T.Errorf("the first sponsor revokes: %v", err)
		}
		if p, err := r.Tokens.Revoke(r.T.Context(), helen, g.ID, "The course work is done."); err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.BySponsor {
			r.T.Errorf("the new sponsor revokes: %v", err)
		}
		r.Proven()
	})
}

// Nobody found in time: the token ends, and not a moment before.
func TestSponsorGapOver(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, value := r.Gapped()
		r.Tick(desktest.BuiltIn.Windows.SponsorGap - time.Minute)
		if !r.W.Authenticates(value) {
			r.T.Fatal("it stopped within the gap")
		}
		r.Tick(2 * time.Minute)
		r.Tick(15 * time.Second)
		if now := r.Grant(g.ID); now.State != access.Revoked || now.Cause != access.ByNoSponsor || r.W.Authenticates(value) {
			r.T.Errorf("after the gap it is %s by %s", now.State, now.Cause)
		}
		r.Tick(time.Minute)
		if n := r.Inbox("maya", "had no sponsor for 14 days"); n != 1 {
			r.T.Errorf("%d messages to the owner", n)
		}
		r.Proven()
	})
}

// Who took over and ends that too is answered with the token that they stood for.
func TestWhoTookOverMayEndIt(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, helen := r.Asked()
	if _, err := r.Tokens.TakeOver(t.Context(), helen, g.ID, r.TermsOf(g.ID)); err != nil {
		t.Fatal(err)
	}
	p, err := r.Tokens.EndSponsorship(t.Context(), helen, g.ID, "")
	if err != nil || p.Grant == nil || p.Grant.Sponsor != "" || p.Grant.GapUntil.IsZero() {
		t.Errorf("she ends it and reads %+v, %v", p.Grant, err)
	}
	if now := r.Grant(g.ID); now.Sponsor != "" || now.SponsorWas != helen.Person {
		t.Errorf("after the end: %+v", now)
	}
	for do, may := range p.Can {
		if may {
			t.Errorf("she may still %s", do)
		}
	}
	if _, err := r.Cases.Token(t.Context(), r.As("tom", access.DoorCourse), g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("who never stood for it sees it: %v", err)
	}
	r.Proven()
}

func TestTurnDown(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, helen := r.Asked()
	if err := r.Tokens.TurnDown(t.Context(), helen, g.ID); err != nil {
		t.Fatal(err)
	}
	r.Drain()
	if now := r.Grant(g.ID); now.SponsorAsked != "" || now.GapUntil.IsZero() || r.Inbox("maya", "does not take over") != 1 {
		t.Errorf("after the answer: %+v", now)
	}
	if err := r.Tokens.TurnDown(t.Context(), helen, g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("who turned it down still sees it: %v", err)
	}
	r.Proven()
}

func TestReportMisuse(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, value := r.Active()
		ana := r.As("ana", access.DoorCourse)
		ana.LaunchedAt = ana.LaunchedAt.Add(-7 * time.Hour) // removing needs no fresh launch
		var form *access.FormError
		if _, err := r.Tokens.ReportMisuse(r.T.Context(), ana, g.ID, ""); !errors.As(err, &form) || !r.W.Authenticates(value) {
			r.T.Errorf("without a reason: %v", err)
		}
		for _, key := range []string{"maya", "dana"} {
			if _, err := r.Tokens.ReportMisuse(r.T.Context(), r.As(key, map[bool]access.Door{true: access.DoorCourse, false: access.DoorAccount}[key == "maya"]), g.ID, "x"); err == nil || !r.W.Authenticates(value) {
				r.T.Errorf("%s reports misuse as if they were the sponsor: %v", key, err)
			}
		}
		p, err := r.Tokens.ReportMisuse(r.T.Context(), ana, g.ID, "It posts in the class forum.")
		if err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.ByMisuse || r.W.Authenticates(value) {
			r.T.Errorf("%+v, %v", p.Grant, err)
		}
		r.Proven()
	})
}

// Who may do what with a sponsorship, as whom, and when.
func TestSponsorshipAbuse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	id := func(r *desktest.Rig, key string) string { return r.W.User(key).ID.String() }
	tests := map[string]struct {
		do  func(r *desktest.Rig) error
		why access.Why
		err error
	}{
		"another teacher ends it": {func(r *desktest.Rig) error {
			g, _ := r.Active()
			_, err := r.Tokens.EndSponsorship(ctx, r.Helen(), g.ID, "")
			return err
		}, "", access.ErrNotFound},
		"its owner ends the sponsorship": {func(r *desktest.Rig) error {
			g, _ := r.Active()
			_, err := r.Tokens.EndSponsorship(ctx, r.As("maya", access.DoorCourse), g.ID, "")
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"somebody acting as the sponsor": {func(r *desktest.Rig) error {
			g, _ := r.Active()
			_, err := r.Tokens.EndSponsorship(ctx, r.As("ana", access.DoorCourse, desktest.ActingBy("9")), g.ID, "")
			return err
		}, access.WhyActing, access.ErrNotAllowed},
		"it has ended already": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			_, err := r.Tokens.EndSponsorship(ctx, r.As("ana", access.DoorCourse), g.ID, "")
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"naming while somebody stands": {func(r *desktest.Rig) error {
			g, _ := r.Active()
			_, err := r.Tokens.NameSponsor(ctx, r.As("maya", access.DoorCourse), g.ID, id(r, "ana"))
			return err
		}, "", access.ErrConflict},
		"naming for another's token": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			_, err := r.Tokens.NameSponsor(ctx, r.As("luca", access.DoorCourse), g.ID, id(r, "ana"))
			return err
		}, "", access.ErrNotFound},
		"naming oneself": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			_, err := r.Tokens.NameSponsor(ctx, r.As("maya", access.DoorCourse), g.ID, id(r, "maya"))
			return err
		}, "", access.ErrInvalid},
		"naming somebody who does not teach": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			_, err := r.Tokens.NameSponsor(ctx, r.As("maya", access.DoorCourse), g.ID, id(r, "helen"))
			return err
		}, "", access.ErrInvalid},
		"naming who approved": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			r.W.Enroll("dana", "bio201", "TeacherEnrollment")
			_, err := r.Tokens.NameSponsor(ctx, r.As("maya", access.DoorCourse), g.ID, id(r, "dana"))
			return err
		}, "", access.ErrInvalid},
		"taking over unasked": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			_, err := r.Tokens.TakeOver(ctx, r.Helen(), g.ID, r.TermsOf(g.ID))
			return err
		}, "", access.ErrNotFound},
		"the former sponsor takes over unasked": {func(r *desktest.Rig) error {
			g, _ := r.Gapped()
			_, err := r.Tokens.TakeOver(ctx, r.As("ana", access.DoorCourse), g.ID, r.TermsOf(g.ID))
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"the owner takes over": {func(r *desktest.Rig) error {
			g, _ := r.Asked()
			_, err := r.Tokens.TakeOver(ctx, r.As("maya", access.DoorCourse), g.ID, r.TermsOf(g.ID))
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"with an old launch": {func(r *desktest.Rig) error {
			g, helen := r.Asked()
			helen.LaunchedAt = helen.LaunchedAt.Add(-time.Hour)
			_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
			return err
		}, access.WhyStale, access.ErrNotAllowed},
		"who was asked no longer teaches": {func(r *desktest.Rig) error {
			g, helen := r.Asked()
			r.W.SetEnrollmentState("helen", "bio201", "completed")
			_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
			return err
		}, access.WhyNotTeaching, access.ErrNotAllowed},
		"somebody acting as who was asked": {func(r *desktest.Rig) error {
			g, _ := r.Asked()
			_, err := r.Tokens.TakeOver(ctx, r.As("helen", access.DoorCourse, desktest.ActingBy("9")), g.ID, r.TermsOf(g.ID))
			return err
		}, access.WhyActing, access.ErrNotAllowed},
		"another is asked instead": {func(r *desktest.Rig) error {
			g, helen := r.Asked()
			r.W.Enroll("victor", "bio201", "TeacherEnrollment")
			if _, err := r.Tokens.NameSponsor(ctx, r.As("maya", access.DoorCourse), g.ID, id(r, "victor")); err != nil {
				return err
			}
			_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
			return err
		}, "", access.ErrNotFound},
		"from another tenant": {func(r *desktest.Rig) error {
			g, helen := r.Asked()
			helen.Tenant = access.TenantID(store.NewID("ten"))
			_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
			return err
		}, "", access.ErrNotFound},
		"of a token that is gone": {func(r *desktest.Rig) error {
			g, helen := r.Asked()
			if _, err := r.Tokens.Revoke(ctx, r.As("maya", access.DoorCourse), g.ID, ""); err != nil {
				return err
			}
			_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
			return err
		}, "", access.ErrConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			if err := tt.do(r); !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%v", err)
			}
			r.Proven()
		})
	}
}

// Naming a sponsor and taking over ask Canvas, and so count among the checks that one
// person causes in a minute.
func TestSponsorChangesArePaced(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, helen := r.Asked()
		r.Unhurried()
		maya, tom := r.As("maya", access.DoorCourse), r.W.User("tom").ID.String()
		r.W.SetEnrollmentState("helen", "bio201", "completed")
		for name, try := range map[string]func() error{
			"naming":      func() error { _, err := r.Tokens.NameSponsor(r.T.Context(), maya, g.ID, tom); return err },
			"taking over": func() error { _, err := r.Tokens.TakeOver(r.T.Context(), helen, g.ID, r.TermsOf(g.ID)); return err },
		} {
			for n := range access.MaxChecks {
				if err := try(); err == nil || access.WhyOf(err) == access.WhyBusy {
					r.T.Errorf("%s, check %d: %v", name, n+1, err)
				}
			}
			if err := try(); access.WhyOf(err) != access.WhyBusy {
				r.T.Errorf("%s beyond the pace: %v", name, err)
			}
		}
	})
}
