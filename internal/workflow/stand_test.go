package workflow

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// gapped is Maya's token after Ana ended her sponsorship.
func (r *rig) gapped() (access.Grant, string) {
	r.t.Helper()
	g, value := r.active()
	if _, err := r.EndSponsorship(r.t.Context(), r.as("ana", access.DoorCourse), g.ID, ""); err != nil {
		r.t.Fatal(err)
	}
	return r.grant(g.ID), value
}

// helen becomes a second teacher of Maya's course.
func (r *rig) helen() access.Caller {
	r.t.Helper()
	r.w.Enroll("helen", "bio201", "TeacherEnrollment")
	s := r.as("helen", access.DoorCourse)
	return s
}

// asked is Maya's token without a sponsor, and Helen asked to take over.
func (r *rig) asked() (access.Grant, access.Caller) {
	r.t.Helper()
	g, _ := r.gapped()
	helen := r.helen()
	if _, err := r.NameSponsor(r.t.Context(), r.as("maya", access.DoorCourse), g.ID, r.w.User("helen").ID.String()); err != nil {
		r.t.Fatal(err)
	}
	return r.grant(g.ID), helen
}

func (r *rig) inbox(key, part string) int {
	n := 0
	for _, m := range r.w.Inbox(r.w.User(key).Key) {
		if strings.Contains(m.Subject+m.Body, part) {
			n++
		}
	}
	return n
}

func TestSponsorGapClosed(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.gapped()
		if g.Sponsor != "" || g.State != access.Active || !g.GapUntil.Equal(r.clock.Now().Add(builtIn.Windows.SponsorGap)) {
			r.t.Fatalf("without a sponsor: %+v", g)
		}
		r.drain()
		if n := r.inbox("maya", "needs another sponsor"); n != 1 {
			r.t.Errorf("%d messages to the owner", n)
		}
		maya := r.as("maya", access.DoorCourse)
		h, err := r.Home(r.t.Context(), maya)
		if err != nil || len(h.NeedsYou) != 1 || !h.NeedsYou[0].Can[access.NameNext] {
			r.t.Errorf("home: %+v, %v", h, err)
		}
		helen := r.helen()
		for range 2 { // pressed twice
			if _, err := r.NameSponsor(r.t.Context(), maya, g.ID, r.w.User("helen").ID.String()); err != nil {
				r.t.Fatal(err)
			}
		}
		r.drain()
		if n := r.inbox("helen", "asks you to take over"); n != 1 {
			r.t.Errorf("%d messages to the one asked", n)
		}
		l, err := r.Sponsorships(r.t.Context(), helen)
		if nav := r.Nav(r.t.Context(), helen); err != nil || len(l.Waiting) != 1 || !l.Waiting[0].Can[access.TakeOver] || nav.Waiting != 1 {
			r.t.Errorf("who was asked sees %+v, %d waiting, %v", l, nav.Waiting, err)
		}
		for range 2 {
			if _, err := r.TakeOver(r.t.Context(), helen, g.ID, r.termsOf(g.ID)); err != nil {
				r.t.Fatal(err)
			}
		}
		now := r.grant(g.ID)
		if now.Sponsor != helen.Person || !now.GapUntil.IsZero() || now.SponsorAsked != "" {
			r.t.Errorf("after taking over: %+v", now)
		}
		r.drain()
		if n := r.inbox("maya", "has a sponsor again"); n != 1 {
			r.t.Errorf("%d messages to the owner", n)
		}
		l, err = r.Sponsorships(r.t.Context(), helen)
		if err != nil || len(l.Standing) != 1 || len(l.Waiting) != 0 {
			r.t.Errorf("she stands for %+v, %v", l, err)
		}
		l, err = r.Sponsorships(r.t.Context(), r.as("ana", access.DoorCourse))
		if err != nil || len(l.Standing) != 0 || len(l.Past) != 1 {
			r.t.Errorf("the first sponsor's list: %+v, %v", l, err)
		}
		// From here on it is hers to end.
		if _, err := r.Revoke(r.t.Context(), r.as("ana", access.DoorCourse), g.ID, "mine"); access.WhyOf(err) != access.WhyNotYours {
			r.t.Errorf("the first sponsor revokes: %v", err)
		}
		if p, err := r.Revoke(r.t.Context(), helen, g.ID, "The course work is done."); err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.BySponsor {
			r.t.Errorf("the new sponsor revokes: %v", err)
		}
		r.proven()
	})
}

// Nobody found in time: the token ends, and not a moment before.
func TestSponsorGapOver(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, value := r.gapped()
		r.tick(builtIn.Windows.SponsorGap - time.Minute)
		if !r.w.Authenticates(value) {
			r.t.Fatal("it stopped within the gap")
		}
		r.tick(2 * time.Minute)
		r.tick(15 * time.Second)
		if now := r.grant(g.ID); now.State != access.Revoked || now.Cause != access.ByNoSponsor || r.w.Authenticates(value) {
			r.t.Errorf("after the gap it is %s by %s", now.State, now.Cause)
		}
		r.tick(time.Minute)
		if n := r.inbox("maya", "had no sponsor for 14 days"); n != 1 {
			r.t.Errorf("%d messages to the owner", n)
		}
		r.proven()
	})
}

func TestTurnDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, helen := r.asked()
	if err := r.TurnDown(t.Context(), helen, g.ID); err != nil {
		t.Fatal(err)
	}
	r.drain()
	if now := r.grant(g.ID); now.SponsorAsked != "" || now.GapUntil.IsZero() || r.inbox("maya", "does not take over") != 1 {
		t.Errorf("after the answer: %+v", now)
	}
	if err := r.TurnDown(t.Context(), helen, g.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("who turned it down still sees it: %v", err)
	}
	r.proven()
}

func TestReportMisuse(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, value := r.active()
		ana := r.as("ana", access.DoorCourse)
		ana.LaunchedAt = ana.LaunchedAt.Add(-7 * time.Hour) // removing needs no fresh launch
		var form *access.FormError
		if _, err := r.ReportMisuse(r.t.Context(), ana, g.ID, ""); !errors.As(err, &form) || !r.w.Authenticates(value) {
			r.t.Errorf("without a reason: %v", err)
		}
		for _, key := range []string{"maya", "dana"} {
			if _, err := r.ReportMisuse(r.t.Context(), r.as(key, map[bool]access.Door{true: access.DoorCourse, false: access.DoorAccount}[key == "maya"]), g.ID, "x"); err == nil || !r.w.Authenticates(value) {
				r.t.Errorf("%s reports misuse as if they were the sponsor: %v", key, err)
			}
		}
		p, err := r.ReportMisuse(r.t.Context(), ana, g.ID, "It posts in the class forum.")
		if err != nil || p.Grant.State != access.Revoked || p.Grant.Cause != access.ByMisuse || r.w.Authenticates(value) {
			r.t.Errorf("%+v, %v", p.Grant, err)
		}
		r.proven()
	})
}

// Who may do what with a sponsorship, as whom, and when.
func TestSponsorshipAbuse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	id := func(r *rig, key string) string { return r.w.User(key).ID.String() }
	tests := map[string]struct {
		do  func(r *rig) error
		why access.Why
		err error
	}{
		"another teacher ends it": {func(r *rig) error {
			g, _ := r.active()
			_, err := r.EndSponsorship(ctx, r.helen(), g.ID, "")
			return err
		}, "", access.ErrNotFound},
		"its owner ends the sponsorship": {func(r *rig) error {
			g, _ := r.active()
			_, err := r.EndSponsorship(ctx, r.as("maya", access.DoorCourse), g.ID, "")
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"somebody acting as the sponsor": {func(r *rig) error {
			g, _ := r.active()
			_, err := r.EndSponsorship(ctx, r.as("ana", access.DoorCourse, actingBy("9")), g.ID, "")
			return err
		}, access.WhyActing, access.ErrNotAllowed},
		"it has ended already": {func(r *rig) error {
			g, _ := r.gapped()
			_, err := r.EndSponsorship(ctx, r.as("ana", access.DoorCourse), g.ID, "")
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"naming while somebody stands": {func(r *rig) error {
			g, _ := r.active()
			_, err := r.NameSponsor(ctx, r.as("maya", access.DoorCourse), g.ID, id(r, "ana"))
			return err
		}, "", access.ErrConflict},
		"naming for another's token": {func(r *rig) error {
			g, _ := r.gapped()
			_, err := r.NameSponsor(ctx, r.as("luca", access.DoorCourse), g.ID, id(r, "ana"))
			return err
		}, "", access.ErrNotFound},
		"naming oneself": {func(r *rig) error {
			g, _ := r.gapped()
			_, err := r.NameSponsor(ctx, r.as("maya", access.DoorCourse), g.ID, id(r, "maya"))
			return err
		}, "", access.ErrInvalid},
		"naming somebody who does not teach": {func(r *rig) error {
			g, _ := r.gapped()
			_, err := r.NameSponsor(ctx, r.as("maya", access.DoorCourse), g.ID, id(r, "helen"))
			return err
		}, "", access.ErrInvalid},
		"naming who approved": {func(r *rig) error {
			g, _ := r.gapped()
			r.w.Enroll("dana", "bio201", "TeacherEnrollment")
			_, err := r.NameSponsor(ctx, r.as("maya", access.DoorCourse), g.ID, id(r, "dana"))
			return err
		}, "", access.ErrInvalid},
		"taking over unasked": {func(r *rig) error {
			g, _ := r.gapped()
			_, err := r.TakeOver(ctx, r.helen(), g.ID, r.termsOf(g.ID))
			return err
		}, "", access.ErrNotFound},
		"the former sponsor takes over unasked": {func(r *rig) error {
			g, _ := r.gapped()
			_, err := r.TakeOver(ctx, r.as("ana", access.DoorCourse), g.ID, r.termsOf(g.ID))
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"the owner takes over": {func(r *rig) error {
			g, _ := r.asked()
			_, err := r.TakeOver(ctx, r.as("maya", access.DoorCourse), g.ID, r.termsOf(g.ID))
			return err
		}, access.WhyNotYours, access.ErrNotAllowed},
		"with an old launch": {func(r *rig) error {
			g, helen := r.asked()
			helen.LaunchedAt = helen.LaunchedAt.Add(-time.Hour)
			_, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
			return err
		}, access.WhyStale, access.ErrNotAllowed},
		"who was asked no longer teaches": {func(r *rig) error {
			g, helen := r.asked()
			r.w.SetEnrollmentState("helen", "bio201", "completed")
			_, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
			return err
		}, access.WhyNotTeaching, access.ErrNotAllowed},
		"somebody acting as who was asked": {func(r *rig) error {
			g, _ := r.asked()
			_, err := r.TakeOver(ctx, r.as("helen", access.DoorCourse, actingBy("9")), g.ID, r.termsOf(g.ID))
			return err
		}, access.WhyActing, access.ErrNotAllowed},
		"another is asked instead": {func(r *rig) error {
			g, helen := r.asked()
			r.w.Enroll("victor", "bio201", "TeacherEnrollment")
			if _, err := r.NameSponsor(ctx, r.as("maya", access.DoorCourse), g.ID, id(r, "victor")); err != nil {
				return err
			}
			_, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
			return err
		}, "", access.ErrNotFound},
		"from another tenant": {func(r *rig) error {
			g, helen := r.asked()
			helen.Tenant = access.TenantID(store.NewID("ten"))
			_, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
			return err
		}, "", access.ErrNotFound},
		"of a token that is gone": {func(r *rig) error {
			g, helen := r.asked()
			if _, err := r.Revoke(ctx, r.as("maya", access.DoorCourse), g.ID, ""); err != nil {
				return err
			}
			_, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
			return err
		}, "", access.ErrConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			if err := tt.do(r); !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%v", err)
			}
			r.proven()
		})
	}
}
