package eligibility

// What tests of this room reach into.

import (
	"context"
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

const (
	EligibilityBatch = eligibilityBatch
	EligibilitySlots = eligibilitySlots
	JobSurvey        = jobSurvey
	LostOwner        = lostOwner
	LostSponsor      = lostSponsor
)

var (
	ErrBusy = errBusy
	SlotOf  = slotOf
)

func (el *Eligibility) Give(a0 context.Context, a1 desk.Canvas, a2 desk.Finding) error {
	return el.give(a0, a1, a2)
}

func (el *Eligibility) EligibilityHandler(a0 context.Context, a1 jobs.Job) error {
	return el.eligibilityHandler(a0, a1)
}

func (x *view) Check(a0 access.PersonID) ([]desk.Finding, error) { return x.check(a0) }

func (el *Eligibility) NewView(a0 context.Context, a1 desk.Canvas) *view { return el.newView(a0, a1) }

func (el *Eligibility) OwnerHandler(a0 context.Context, a1 jobs.Job) error {
	return el.ownerHandler(a0, a1)
}

func (el *Eligibility) SurveyHandler(a0 context.Context, a1 jobs.Job) error {
	return el.surveyHandler(a0, a1)
}

func (x *view) Trusted() error { return x.trusted() }
