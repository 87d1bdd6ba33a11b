package cases

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// PageSize is how many rows a list shows at a time.
const PageSize = 25

// MostCounted is how far the rows of a list are counted; a total of one more says
// that there are more.
const MostCounted = 1000

// endedFor is how long ended requests and tokens stay on their owner's home.
const endedFor = 365 * 24 * time.Hour

// CheckVisit is desk.CheckVisit.
func (cs *Cases) CheckVisit(ctx context.Context, caller access.Caller) error {
	return cs.desk.CheckVisit(ctx, caller)
}

// Nav is what the navigation of a caller shows. It never fails: what could
// not be read is left out and Trouble tells.
func (cs *Cases) Nav(ctx context.Context, caller access.Caller) Nav {
	n := Nav{Affiliation: policy.None}
	f, err := cs.desk.ShownCanvas(ctx, caller)
	if err != nil {
		cs.desk.Log.WarnContext(ctx, "no Canvas for the navigation", "err", err)
		return n
	}
	who := cs.authority.Viewer(ctx, f, caller)
	n.Reviewer, n.SelfService = who.Reviewer, who.Reviewer
	if st, err := cs.authority.ShownAffiliation(ctx, f, caller); err == nil {
		n.Affiliation = st.Affiliation
	}
	count, err := cs.desk.Store.Tally(ctx, whom(caller, who.Reviewer))
	if err == nil {
		n.front = &front{asked: count.Asked, told: count.Told, kept: count.Kept}
		n.Waiting, n.Queue, n.Leaks, n.OwnLeak = count.Endorse, count.Review, count.Leaks, count.OwnLeaks > 0
		n.Sponsor = count.Sponsoring || (caller.Teacher && n.Affiliation != policy.Student)
		if count.Revoking > 0 {
			n.Trouble.StillUsable, err = cs.stuck(ctx, caller, who)
		}
	}
	if err == nil && who.Reviewer {
		n.Credential, err = cs.credentialTrouble(ctx, f.Platform)
	}
	if err == nil && who.Reviewer {
		err = cs.desk.Store.Read(ctx, func(tx *store.Tx) error { return cs.navFound(tx, caller.Tenant, &n) })
	}
	if err != nil {
		cs.desk.Log.ErrorContext(ctx, "the navigation's counts could not be read", "err", err)
	}
	n.Trouble.CanvasSince = cs.desk.SilentSince(caller.Tenant)
	n.Words = wordsOf(f.Tenant)
	return n
}

func whom(caller access.Caller, reviewer bool) store.Whom {
	return store.Whom{Tenant: caller.Tenant, Person: caller.Person, CanvasUser: caller.CanvasUser, Reviewer: reviewer}
}

// ReadAhead has what the navigation of a launch's first page counts read together
// with the making of its session. By the one door behind which somebody may be a
// reviewer, Canvas says first what they are.
func (cs *Cases) ReadAhead(ctx context.Context, caller access.Caller) {
	if caller.Door != access.DoorAccount {
		store.ReadAhead(ctx, whom(caller, false))
	}
}

// stuck counts the tokens whose deletion has been unconfirmed for too long: the
// person's own, or for a reviewer all.
func (cs *Cases) stuck(ctx context.Context, caller access.Caller, who access.Actor) (n int, err error) {
	// One that is just so long unconfirmed counts.
	q := store.GrantQuery{Tenant: caller.Tenant, Owner: caller.Person, States: []access.GrantState{access.Revoking},
		RevokingBefore: cs.desk.Now().Add(time.Microsecond - access.StuckAfter)}
	if who.Reviewer {
		q.Owner = ""
	}
	err = cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		n, err = tx.CountGrants(q)
		return err
	})
	return n, err
}

// credentialTrouble is what was last learnt about the credential for a Canvas.
func (cs *Cases) credentialTrouble(ctx context.Context, p store.Platform) (CredentialTrouble, error) {
	var state store.CredentialState
	err := cs.desk.Store.Read(ctx, func(tx *store.Tx) (err error) {
		state, err = tx.CredentialState(p)
		return err
	})
	if err != nil || !state.RefusedAt.IsZero() {
		return CredentialTrouble{RefusedSince: state.RefusedAt}, err
	}
	if state.EndsAt.IsZero() || state.EndsAt.Sub(cs.desk.Now()) > CredentialWarning {
		return CredentialTrouble{}, nil
	}
	return CredentialTrouble{EndsAt: state.EndsAt}, nil
}

// Home is the requester's home: their requests by who must act, and their tokens.
func (cs *Cases) Home(ctx context.Context, caller access.Caller) (Home, error) {
	return cs.HomeBeside(ctx, caller, Nav{})
}

// HomeBeside is Home on the page that has n beside it, which the same request read:
// what n says that there is none of is not asked for again.
func (cs *Cases) HomeBeside(ctx context.Context, caller access.Caller, n Nav) (Home, error) {
	f, err := cs.desk.ShownCanvas(ctx, caller)
	if err != nil {
		return Home{}, err
	}
	has := front{asked: true, told: true, kept: true}
	if n.front != nil {
		has = *n.front
	}
	var h Home
	var all []Case
	if has != (front{}) {
		err = cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
			h, all, err = cs.homeRows(tx, caller, has)
			return err
		})
	}
	if err != nil {
		return Home{}, err
	}
	pol, err := cs.desk.ShownPolicy(cs.desk.Store.Policy(ctx, caller.Tenant, f.Tenant.PolicyVersion))
	if err != nil {
		return Home{}, err
	}
	now := cs.desk.Now()
	for _, c := range all {
		h.place(c, now)
	}
	slices.SortStableFunc(h.NeedsYou, func(a, b Case) int { return due(a).Compare(due(b)) })
	st, err := cs.authority.ShownAffiliation(ctx, f, caller)
	switch {
	case caller.NoWrites == access.WhyTestStudent:
		h.Refused = access.WhyTestStudent
	case err != nil:
		cs.desk.Log.WarnContext(ctx, "who may ask could not be read for the home page", "err", err)
	case pol.For(st.Affiliation).Rule == policy.RuleRefuse:
		h.Refused = access.WhyRole
	case st.AccountRole || caller.AccountRole:
		h.Refused = access.WhyAccountRole
	}
	return h, nil
}

// homeRows reads what there is of a home.
func (cs *Cases) homeRows(tx *store.Tx, caller access.Caller, has front) (h Home, all []Case, err error) {
	if has.asked {
		rs, err := tx.RequestsOf(caller.Tenant, caller.Person, 200)
		if err != nil {
			return h, nil, err
		}
		if all, err = cs.seeAll(tx, caller.Actor(), rs); err != nil {
			return h, nil, err
		}
	}
	if has.told {
		if h.Found, err = cs.homeFound(tx, caller); err != nil {
			return h, nil, err
		}
	}
	if has.kept {
		kept, err := tx.TextsOf(caller.Tenant, caller.Person)
		if err != nil {
			return h, nil, err
		}
		h.Kept = slices.ContainsFunc(kept, func(k store.SavedText) bool { return k.Object == desk.NewObject && k.Form == desk.FormRequest })
	}
	return h, all, nil
}

// place puts a case where its owner looks for it: by who must act.
func (h *Home) place(c Case, now time.Time) {
	r, g := c.Request, c.Grant
	live := g != nil && g.State.Live()
	switch {
	case r.State == access.Draft:
		h.Drafts = append(h.Drafts, c)
	case r.State == access.Approved && r.Adopts == "", r.State == access.Collecting, r.State == access.AwaitingSponsor && r.Sponsor == "",
		live && (g.State == access.HandedOver || g.State == access.Replacing), c.Can[access.NameNext] && g.SponsorAsked == "":
		h.NeedsYou = append(h.NeedsYou, c)
	case live:
		h.Tokens = append(h.Tokens, c)
	case !r.State.Final():
		h.Progress = append(h.Progress, c)
	case r.State != access.Discarded && now.Sub(r.UpdatedAt) < endedFor:
		h.Ended = append(h.Ended, c)
	}
}

// due is when a case that waits for its owner runs out.
func due(c Case) time.Time {
	switch {
	case c.Grant != nil && c.Grant.State.Live() && !c.Grant.GapUntil.IsZero():
		return c.Grant.GapUntil
	case c.Grant != nil && c.Grant.State.Live() && !c.Grant.ActivateBy.IsZero():
		return c.Grant.ActivateBy
	case !c.Request.CollectBy.IsZero():
		return c.Request.CollectBy
	}
	return c.Request.SponsorDue
}

// ReviewerViewing is the viewer of reviewers' pages, or a refusal.
func (cs *Cases) ReviewerViewing(ctx context.Context, caller access.Caller) (access.Actor, error) {
	who, err := cs.AsReviewer(ctx, caller)
	if err != nil {
		return access.Actor{}, cs.notices.RecordRefusedPage(ctx, caller, string(caller.Tenant), access.Claim, err)
	}
	return who, nil
}

// ReviewerPressing is ReviewerViewing for a press, whose refusal is always recorded.
func (cs *Cases) ReviewerPressing(ctx context.Context, caller access.Caller) (access.Actor, error) {
	who, err := cs.AsReviewer(ctx, caller)
	if err != nil {
		return access.Actor{}, cs.desk.RecordRefusal(ctx, caller, string(caller.Tenant), access.Claim, err)
	}
	return who, nil
}

// AsReviewer is the caller as a reviewer whose launch, and Canvas as
// far as it was asked, do not say otherwise. It records nothing.
func (cs *Cases) AsReviewer(ctx context.Context, caller access.Caller) (access.Actor, error) {
	f, err := cs.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return access.Actor{}, err
	}
	who := cs.authority.Viewer(ctx, f, caller)
	switch {
	case caller.Door != access.DoorAccount:
		err = access.Refuse(access.WhyWrongDoor)
	case !who.Reviewer:
		err = access.Refuse(access.WhyNotReviewer)
	}
	if err != nil {
		return access.Actor{}, err
	}
	return who, nil
}

// Queue is one page of the review queue, overdue first.
func (cs *Cases) Queue(ctx context.Context, caller access.Caller, q QueueFilter) (Queue, error) {
	who, err := cs.ReviewerViewing(ctx, caller)
	if err != nil {
		return Queue{}, err
	}
	state := q.Status
	if state == "" {
		state = access.InReview
	}
	if !slices.Contains(access.RequestStates, state) || state == access.Draft || state == access.Discarded {
		return Queue{}, access.ErrInvalid
	}
	rq := store.RequestQuery{Tenant: caller.Tenant, States: []access.RequestState{state}, Affiliation: q.Affiliation, Maker: q.Maker,
		AI: q.AI, Search: strings.TrimSpace(q.Search), Order: store.ReviewDue, Limit: PageSize}
	waiting := store.RequestQuery{Tenant: caller.Tenant, States: []access.RequestState{access.InReview}}
	overdue := waiting
	overdue.DueField, overdue.DueBefore = store.DueReview, cs.desk.Now()
	var out Queue
	err = cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if out.Total, err = tx.CountRequestsTo(rq, MostCounted); err != nil {
			return err
		}
		if out.Waiting, err = tx.CountRequestsTo(waiting, MostCounted); err != nil {
			return err
		}
		if out.Overdue, err = tx.CountRequestsTo(overdue, MostCounted); err != nil {
			return err
		}
		at, after := desk.SplitCursor(q.After)
		rq.After, out.From = store.Cursor(after), at+1
		rq.Limit, rq.Many = PageSize+1, out.Total > MostCounted
		rs, err := tx.Requests(rq)
		if err != nil {
			return err
		}
		if len(rs) > PageSize {
			rs = rs[:PageSize]
			out.Next = desk.JoinCursor(at+PageSize, string(rq.Next(rs[PageSize-1])))
		}
		if out.Rows, err = cs.seeAll(tx, who, rs); err != nil {
			return err
		}
		newest, err := cs.desk.ShownPolicy(tx.NewestPolicy(caller.Tenant))
		if err != nil {
			return err
		}
		out.Target = newest.Windows.ReviewDays
		out.LastDecisionAt, err = tx.LastDecision(caller.Tenant)
		return err
	})
	return out, err
}

// Token is one token opened by whoever has a part in it.
func (cs *Cases) Token(ctx context.Context, caller access.Caller, id string) (TokenPage, error) {
	f, err := cs.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return TokenPage{}, err
	}
	return cs.TokenPage(ctx, cs.authority.Viewer(ctx, f, caller), caller.Tenant, id)
}

// TokenPage is one token opened by who, or ErrNotFound.
func (cs *Cases) TokenPage(ctx context.Context, who access.Actor, tenant access.TenantID, id string) (TokenPage, error) {
	c, err := cs.CaseOfGrant(ctx, tenant, who, id)
	if err != nil {
		return TokenPage{}, err
	}
	p := TokenPage{Case: c}
	err = cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		p.Story, err = cs.Story(tx, tenant, c.Grant.ID, c)
		return err
	})
	return p, err
}

// CaseOfGrant is the request behind a grant, with that grant, as who sees it.
func (cs *Cases) CaseOfGrant(ctx context.Context, tenant access.TenantID, who access.Actor, id string) (Case, error) {
	var c Case
	if !desk.GrantID(id) {
		return c, access.ErrNotFound
	}
	err := cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		g, err := tx.Grant(tenant, id)
		if err != nil {
			return err
		}
		r, err := tx.Request(tenant, g.RequestID)
		if err != nil {
			return err
		}
		if c, err = cs.ReadCase(tx, who, r); err != nil {
			return err
		}
		if c.Grant == nil || c.Grant.ID != g.ID {
			c.Grant, c.Renewal = &g, nil // an earlier one of the request
			delete(c.Can, access.Renew)
		}
		if leaks, err := tx.IncidentsOfGrants(tenant, []string{g.ID}); err != nil {
			return err
		} else if leak, ok := leaks[g.ID]; ok {
			c.Leak = &leak
		}
		cs.SetButtons(&c, who)
		return nil
	})
	return c, err
}

// WordsOf are the words of the school behind a platform, as far as they can be
// read.
func (cs *Cases) WordsOf(ctx context.Context, platform string) SchoolWords {
	_, t, err := cs.desk.Store.PlatformAndTenant(ctx, platform)
	if err != nil {
		cs.desk.Log.WarnContext(ctx, "the school's words could not be read", "err", err)
	}
	return wordsOf(t)
}

func wordsOf(t store.Tenant) SchoolWords {
	return SchoolWords{t.School.CanvasTeam, t.School.SecurityOffice, t.School.Contact}
}

// CaseToChange is CaseOfGrant for a press: it refuses with may, which says
// whether this caller may press at all, but only after access.ErrNotFound, so that
// a stranger learns nothing. The actor is authority.Viewer's.
func (cs *Cases) CaseToChange(ctx context.Context, caller access.Caller, may error, grantID string) (desk.Canvas, access.Actor, Case, error) {
	f, err := cs.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return desk.Canvas{}, access.Actor{}, Case{}, err
	}
	who := cs.authority.Viewer(ctx, f, caller)
	c, err := cs.CaseOfGrant(ctx, caller.Tenant, who, grantID)
	if err == nil {
		err = may
	}
	return f, who, c, err
}
