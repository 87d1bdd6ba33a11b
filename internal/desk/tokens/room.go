// Package tokens has the life of a token: collecting, making, watching, renewing,
// changing its sponsor, freezing and ending it, and proving that it is gone.
package tokens

import (
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// Tokens is the verbs of a token, and the watch over it, by subject.
type Tokens struct {
	*Collecting
	*Watching
	*Ending
	*Renewing
	*Sponsoring
}

// Collecting makes a token when its owner collects it, and settles what an attempt
// left behind. Watching asks Canvas about tokens that live, and finds strays. Ending
// revokes, freezes and proves that a token is gone. Renewing and Sponsoring are what
// they say.
type (
	Collecting struct{ *room }
	Watching   struct{ *room }
	Ending     struct{ *room }
	Renewing   struct{ *room }
	Sponsoring struct{ *room }
)

// room is what the subjects share: the kernel, the rooms below, and each other.
type room struct {
	desk      *desk.Desk
	authority *authority.Authority
	notices   *notices.Notices
	cases     *cases.Cases
	requests  *requests.Requests

	collecting *Collecting
	watching   *Watching
	ending     *Ending
	renewing   *Renewing
}

// New makes the room and registers its jobs and what time brings to it.
func New(d *desk.Desk, a *authority.Authority, n *notices.Notices, c *cases.Cases, r *requests.Requests) *Tokens {
	all := &room{desk: d, authority: a, notices: n, cases: c, requests: r}
	all.collecting, all.watching, all.ending, all.renewing = &Collecting{all}, &Watching{all}, &Ending{all}, &Renewing{all}
	d.Records(
		audit.RequestCollect, audit.RequestMintFailed, audit.RequestHandOver, audit.GrantCreate, audit.GrantMint, audit.GrantDoubt, audit.GrantShown,
		audit.GrantGiveUp, audit.GrantStepBack, audit.GrantSeenActive, audit.GrantReplace, audit.GrantRevoke, audit.GrantGone, audit.GrantShownAgain,
		audit.GrantStray, audit.GrantObserved, audit.GrantFreeze, audit.GrantFroze, audit.GrantStayOn, audit.GrantThaw, audit.GrantDrifted,
		audit.GrantRetire, audit.GrantMoveEnd, audit.GrantLoseSponsor, audit.GrantEndSponsor, audit.GrantNameSponsor, audit.GrantTakeOver,
		audit.GrantTurnDown, audit.CapLearned,
	)
	ts := &Tokens{all.collecting, all.watching, all.ending, all.renewing, &Sponsoring{all}}
	d.Handle(jobs.Ends, map[string]jobs.Handler{
		desk.JobRecover: ts.recoverHandler, desk.JobClear: ts.clearHandler, desk.JobSweep: ts.sweepHandler, jobStray: ts.strayHandler,
		desk.JobEnd: ts.endJob, desk.JobFreeze: ts.freezeHandler,
	})
	d.Handle(jobs.Watching, map[string]jobs.Handler{desk.JobWatch: ts.watchHandler, jobReconcile: ts.reconcileHandler, jobSetBack: ts.setBackHandler})
	d.EveryMinute(ts.tickGrants)
	return ts
}
