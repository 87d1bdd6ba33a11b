package workflow

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// A school that asks only what the tool itself must know still gives tokens, and
// whoever is asked is told.
func TestAFormOfTheToolsOwnQuestions(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.publish(func(p *policy.Policy) {
			p.Questions = slices.DeleteFunc(slices.Clone(p.Questions), func(q policy.Question) bool { return !q.Kind.Own() })
		})
		q := r.submitted()
		r.drain()
		r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
		r.clock.Advance(oneDay / 8)
		r.drain()
		r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
		if c, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), q.Code()); err != nil || c.Stage != StageSecret {
			r.t.Errorf("no token was made: %s (%s), %v", c.Stage, c.Trouble, err)
		}
		r.drain()
		if r.told("ana", "Maya Chen asks you to sponsor") != 1 || r.told("dana", "") != 1 || r.told("maya", q.Code()) != 2 {
			r.t.Errorf("the sponsor got %q, a reviewer %q, the requester %q", r.subjects("ana"), r.subjects("dana"), r.subjects("maya"))
		}
		if q = r.request(q.ID); len(q.Answers) != 3 || q.PolicyVersion != 2 {
			r.t.Errorf("version %d was answered with %v", q.PolicyVersion, q.Answers)
		}
	})
}

// What a school offers besides is said in its own words where the sponsor is
// asked, by the request's own version.
func TestTheSponsorReadsAnAddedOption(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.publish(func(p *policy.Policy) {
			p.Questions = slices.Clone(p.Questions)
			i := slices.IndexFunc(p.Questions, func(q policy.Question) bool { return q.Key == policy.KeyData })
			p.Questions[i].Options = append(slices.Clone(p.Questions[i].Options), policy.Option{Key: "health", Others: true, Label: policy.Words{"en": "Records of the clinic"}})
		})
		a := r.answers()
		a.Set(policy.KeyData, "own", "health")
		q, err := r.Submit(r.t.Context(), r.as("maya", access.DoorCourse), "", a)
		r.must(err)
		r.publish(func(p *policy.Policy) { p.Questions = policy.BuiltIn().Questions })
		r.drain()
		if m := r.w.Inbox("ana"); len(m) != 1 || !strings.Contains(m[0].Body, "Records of the clinic") {
			r.t.Errorf("the sponsor reads %+v", m)
		}
		c, err := r.Open(r.t.Context(), r.as("dana", access.DoorAccount), q.Code())
		if err != nil || c.Policy.Version != 2 || !c.Request.Answers.Others(c.Policy.Questions) {
			r.t.Errorf("it is judged by version %d, %v", c.Policy.Version, err)
		}
		// The newest form does not offer it any more.
		a.Set(policy.KeyBuild, "Another helper that reads something of the school.")
		var wrong *access.FormError
		if _, err := r.Submit(r.t.Context(), r.as("maya", access.DoorCourse), "", a); !errors.As(err, &wrong) || wrong.Fields[0].Code != "data.missing" {
			r.t.Errorf("what is no longer offered: %v", err)
		}
	})
}

// Answers to what nobody asks are stored by no verb, and what a choice no longer
// asks for is not sent.
func TestUnaskedAnswersAreDropped(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx, maya := r.t.Context(), r.as("maya", access.DoorCourse)
		a := r.answers()
		want := a
		a.Set("how_much", strings.Repeat("x", 100_000))
		a.Set("tool_session", "x")
		a.Set(policy.KeyMakerName, "typed before another choice")
		d, err := r.SaveDraft(ctx, maya, "", a)
		r.must(err)
		if got := r.request(d.ID).Answers; !got.Equal(a.Without("how_much", "tool_session")) {
			r.t.Errorf("the draft has %v", got)
		}
		q, err := r.Submit(ctx, maya, d.ID, a)
		r.must(err)
		if got := r.request(q.ID).Answers; !got.Equal(want) {
			r.t.Errorf("it was sent with %v, want %v", got, want)
		}
		// A second press of the same form finds it.
		b := r.answers()
		first, err := r.Submit(ctx, maya, "", b)
		r.must(err)
		b.Set("how_much", "x")
		if again, err := r.Submit(ctx, maya, "", b); err != nil || again.ID != first.ID {
			r.t.Errorf("a second press made %s beside %s, %v", again.ID, first.ID, err)
		}
	})
}
