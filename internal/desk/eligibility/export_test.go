// This file opens to the tests of this room what they reach into.

package eligibility

import (
	"context"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

const (
	EligibilityBatch = eligibilityBatch
	EligibilityPage  = eligibilityPage
	EligibilitySlots = eligibilitySlots
	JobSurvey        = jobSurvey
	LostOwner        = lostOwner
	LostSponsor      = lostSponsor
)

var (
	ErrBusy = errBusy
	SlotOf  = slotOf
)

func (el *Eligibility) Give(ctx context.Context, a desk.Canvas, b desk.Finding) error {
	return el.give(ctx, a, b)
}

func (el *Eligibility) EligibilityHandler(ctx context.Context, a jobs.Job) error {
	return el.eligibilityHandler(ctx, a)
}

func (w *view) Check(a access.PersonID) ([]desk.Finding, error) { return w.check(a) }

func (el *Eligibility) NewView(ctx context.Context, a desk.Canvas) *view { return el.newView(ctx, a) }

func (el *Eligibility) OwnerHandler(ctx context.Context, a jobs.Job) error {
	return el.ownerHandler(ctx, a)
}

func (el *Eligibility) SurveyHandler(ctx context.Context, a jobs.Job) error {
	return el.surveyHandler(ctx, a)
}

func (w *view) Trusted() error { return w.trusted() }
