package requests_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// A school that asks only what the tool itself must know still gives tokens, and
// whoever is asked is told.
func TestAFormOfTheToolsOwnQuestions(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		publish(r, func(p *policy.Policy) {
			p.Questions = slices.DeleteFunc(slices.Clone(p.Questions), func(q policy.Question) bool { return !q.Kind.Own() })
		})
		q := r.Submitted()
		r.Drain()
		r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		r.Clock.Advance(oneDay / 8)
		r.Drain()
		r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
		if c, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != tokens.StageSecret {
			r.T.Errorf("no token was made: %s (%s), %v", c.Stage, c.Trouble, err)
		}
		r.Drain()
		if r.Told("ana", "Maya Chen asks you to sponsor") != 1 || r.Told("dana", "") != 1 || r.Told("maya", q.Code()) != 2 {
			r.T.Errorf("the sponsor got %q, a reviewer %q, the requester %q", r.Subjects("ana"), r.Subjects("dana"), r.Subjects("maya"))
		}
		if q = r.Request(q.ID); len(q.Answers) != 3 || q.PolicyVersion != 2 {
			r.T.Errorf("version %d was answered with %v", q.PolicyVersion, q.Answers)
		}
	})
}

// What a school offers besides is said in its own words where the sponsor is
// asked, by the request's own version.
func TestTheSponsorReadsAnAddedOption(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		publish(r, func(p *policy.Policy) {
			p.Questions = slices.Clone(p.Questions)
			i := slices.IndexFunc(p.Questions, func(q policy.Question) bool { return q.Key == policy.KeyData })
			p.Questions[i].Options = append(slices.Clone(p.Questions[i].Options), policy.Option{Key: "health", Others: true, Label: policy.Words{"en": "Records of the clinic"}})
		})
		a := r.Answers()
		a.Set(policy.KeyData, "own", "health")
		q, err := r.Requests.Submit(r.T.Context(), r.As("maya", access.DoorCourse), "", a)
		r.Must(err)
		publish(r, func(p *policy.Policy) { p.Questions = policy.BuiltIn().Questions })
		r.Drain()
		if m := r.W.Inbox("ana"); len(m) != 1 || !strings.Contains(m[0].Body, "Records of the clinic") {
			r.T.Errorf("the sponsor reads %+v", m)
		}
		c, err := r.Cases.Open(r.T.Context(), r.As("dana", access.DoorAccount), q.Code())
		if err != nil || c.Policy.Version != 2 || !c.Request.Answers.Others(c.Policy.Questions) {
			r.T.Errorf("it is judged by version %d, %v", c.Policy.Version, err)
		}
		// The newest form does not offer it any more.
		a.Set(policy.KeyBuild, "Another helper that reads something of the school.")
		var wrong *access.FormError
		if _, err := r.Requests.Submit(r.T.Context(), r.As("maya", access.DoorCourse), "", a); !errors.As(err, &wrong) || wrong.Fields[0].Code != "data.missing" {
			r.T.Errorf("what is no longer offered: %v", err)
		}
	})
}

// Answers to what nobody asks are stored by no verb, and what a choice no longer
// asks for is not sent.
func TestUnaskedAnswersAreDropped(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx, maya := r.T.Context(), r.As("maya", access.DoorCourse)
		a := r.Answers()
		want := a
		a.Set("how_much", strings.Repeat("x", 100_000))
		a.Set("tool_session", "x")
		a.Set(policy.KeyMakerName, "typed before another choice")
		d, err := r.Requests.SaveDraft(ctx, maya, "", a)
		r.Must(err)
		if got := r.Request(d.ID).Answers; !got.Equal(a.Without("how_much", "tool_session")) {
			r.T.Errorf("the draft has %v", got)
		}
		q, err := r.Requests.Submit(ctx, maya, d.ID, a)
		r.Must(err)
		if got := r.Request(q.ID).Answers; !got.Equal(want) {
			r.T.Errorf("it was sent with %v, want %v", got, want)
		}
		// A second press of the same form finds it.
		b := r.Answers()
		first, err := r.Requests.Submit(ctx, maya, "", b)
		r.Must(err)
		b.Set("how_much", "x")
		if again, err := r.Requests.Submit(ctx, maya, "", b); err != nil || again.ID != first.ID {
			r.T.Errorf("a second press made %s beside %s, %v", again.ID, first.ID, err)
		}
	})
}
