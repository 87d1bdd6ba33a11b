package massrevoke

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Limits of mass revocations.
const (
	// MaxChosen is how many tokens can be chosen one by one.
	MaxChosen   = 200
	groupsShown = 5
	// massPlanLife is how long a plan that was never started is kept.
	massPlanLife = 7 * 24 * time.Hour
)

// MassCounts and MassGroup are the store's, for pages.
type (
	MassCounts = store.MassCounts
	MassGroup  = store.MassGroup
)

// Page is one mass revocation: its plan, how far it has come, or its report.
type Page struct {
	access.Mass
	Counts MassCounts // not in a list, of one that is done
	// ByName is who planned or started it, where that is a person.
	ByName string
	// Roles, Courses and Vendors are the largest groups of its tokens.
	Roles, Courses, Vendors []MassGroup
	// Missing is how many of the chosen tokens are not in the plan: they have
	// ended, or are none of this school's.
	Missing int
}

// StillUsable is how many tokens were tried in vain, where that has gone on for
// too long.
func (p Page) StillUsable(now time.Time) int {
	if p.State != access.MassRunning || now.Sub(p.StartedAt) < access.StuckAfter {
		return 0
	}
	return p.Counts.Retrying
}

// Took is how long it has run, or ran.
func (p Page) Took(now time.Time) time.Duration {
	switch {
	case p.StartedAt.IsZero():
		return 0
	case !p.EndedAt.IsZero():
		return p.EndedAt.Sub(p.StartedAt)
	}
	return now.Sub(p.StartedAt)
}

// Choice is which tokens to plan for: those with the given ids, or, without
// any, all that a command's filter selects, or else the one of the Tokens page.
type Choice struct {
	IDs     []string
	Command access.MassFilter
	Filter  cases.TokenFilter
}

// Plan makes a plan of a mass revocation: which tokens, of how many people,
// and how long it will take. It ends nothing. It is for reviewers and operators; a
// choice that selects no token that could be revoked is a *access.FormError.
func (mr *MassRevoke) Plan(ctx context.Context, caller access.Caller, choice Choice) (Page, error) {
	guard := desk.Guard{Do: access.VerbPlanMass, Object: string(caller.Tenant), Refused: access.Revoke}
	return desk.Verb(ctx, mr.desk, caller, guard, func(ctx context.Context) (Page, error) {
		return mr.planMass(ctx, caller, choice)
	})
}

// overMass is who plans, starts or reads one mass revocation: a reviewer, as the
// given rule says, or an operator.
func (mr *MassRevoke) overMass(ctx context.Context, caller access.Caller, reviewer func(context.Context, access.Caller) (access.Actor, error)) (access.Actor, error) {
	if caller.Via == access.ViaOperator {
		return caller.Actor(), nil
	}
	return reviewer(ctx, caller)
}

func (mr *MassRevoke) planMass(ctx context.Context, caller access.Caller, choice Choice) (Page, error) {
	who, err := mr.overMass(ctx, caller, mr.cases.AsReviewer)
	if err != nil {
		return Page{}, err
	}
	if err := caller.MayRemove(); err != nil {
		return Page{}, err
	}
	f, err := mr.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Page{}, err
	}
	m := mr.newMass(caller.Tenant, who.ID())
	var q store.GrantQuery
	words := ""
	if len(choice.IDs) > 0 {
		ids := slices.Compact(slices.Sorted(slices.Values(choice.IDs)))
		if len(ids) > MaxChosen || slices.ContainsFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "grt_") || len(id) > 40 }) {
			return Page{}, access.ErrInvalid
		}
		q, words = store.GrantQuery{Tenant: caller.Tenant, IDs: ids, States: access.MassTargets}, "chosen one by one"
	} else if filter, ok, err := mr.inGrammar(ctx, caller, choice, m.PlannedAt); err != nil {
		return Page{}, err
	} else if ok {
		m.Filter = filter
		q = store.MassQuery(caller.Tenant, filter, m.PlannedAt)
	} else {
		// What was typed selects more loosely than a filter of the grammar: the
		// plan is the tokens that the person was shown.
		if q, err = mr.cases.Query(caller, choice.Filter); err != nil {
			return Page{}, err
		}
		shown, err := json.Marshal(choice.Filter)
		if err != nil {
			return Page{}, err
		}
		q, words = cases.Targets(q), "shown by "+string(shown)
	}
	m, err = mr.storePlan(ctx, f, m, q, words)
	if err != nil {
		return Page{}, err
	}
	p, err := mr.PageOf(ctx, caller.Tenant, m.ID)
	if len(choice.IDs) > 0 {
		p.Missing = len(q.IDs) - p.Tokens
	}
	return p, err
}

// inGrammar is the filter of the command's grammar that selects the tokens of a
// choice, and only those, if there is one.
func (mr *MassRevoke) inGrammar(ctx context.Context, caller access.Caller, choice Choice, now time.Time) (access.MassFilter, bool, error) {
	filter, ok := choice.asMass()
	if !ok || choice.Command != (access.MassFilter{}) || filter.Vendor == "" {
		return filter, ok, nil
	}
	shown, err := mr.cases.Query(caller, choice.Filter)
	if err != nil {
		return filter, false, err
	}
	var here, there int
	err = mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if here, err = tx.CountGrants(cases.Targets(shown)); err != nil {
			return err
		}
		there, err = tx.CountGrants(store.MassQuery(caller.Tenant, filter, now))
		return err
	})
	return filter, here == there, err
}

// asMass is the filter of the command's grammar for a choice, where there is one. As
// cases.TokenFilter.AsMass it may select more.
func (c Choice) asMass() (access.MassFilter, bool) {
	if c.Command != (access.MassFilter{}) {
		return c.Command, true
	}
	return c.Filter.AsMass()
}

func (mr *MassRevoke) newMass(tenant access.TenantID, by string) access.Mass {
	return access.Mass{ID: store.NewID("mas"), Tenant: tenant, Version: 1, State: access.MassPlanned, By: by, PlannedAt: mr.desk.Now()}
}

// storePlan stores a plan over what q selects.
func (mr *MassRevoke) storePlan(ctx context.Context, f desk.Canvas, m access.Mass, q store.GrantQuery, words string) (access.Mass, error) {
	rate := mr.massRate(ctx, f)
	err := mr.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		if m.Tokens, m.People, err = tx.CountMass(q); err != nil {
			return err
		}
		if m.Tokens == 0 {
			return massForm("count", "mass.nothing", nil)
		}
		m.Estimate = rate.estimate(m.Tokens, m.People)
		m, err = tx.PlanMass(m, q, mr.massEvent(access.Mass{}, m, m.By, audit.MassPlan), massDetail(m, words))
		return err
	})
	return m, err
}

func massForm(field, code string, args map[string]any) error {
	f := &access.FormError{}
	f.Add(field, code, args)
	return f
}

// massEvent is the audit row of a mass revocation's move.
func (mr *MassRevoke) massEvent(before, after access.Mass, actor string, do audit.Action) audit.Event {
	e := mr.desk.Event(after.Tenant, actor, do, after.ID)
	e.From, e.To, e.Version = string(before.State), string(after.State), after.Version
	return e
}

func massDetail(m access.Mass, words string) *audit.Detail {
	d := map[string]string{"tokens": strconv.Itoa(m.Tokens), "people": strconv.Itoa(m.People), "estimate": m.Estimate.String()}
	if !m.Picked() {
		d["filter"] = m.Filter.String()
	}
	if words != "" {
		d["selection"] = words
	}
	if m.Reason != "" {
		d["quote"] = m.Reason
	}
	return audit.NewDetail(d)
}

// Start starts a planned mass revocation. It takes an operator, or a fresh launch
// of a reviewer whom Canvas confirms now, a reason, and the number of tokens as
// typed by the person. read is the digest of the access.MassTerms that they read: a
// plan that was made anew since is a *access.TermsError. If other tokens than the
// plan's are selected by now, nothing starts: the plan is made anew, and the
// *access.FormError tells the new number. Starting what runs or is done changes
// nothing.
func (mr *MassRevoke) Start(ctx context.Context, caller access.Caller, id, typed, reason, read string) (Page, error) {
	guard := desk.Guard{Do: access.VerbStartMass, Object: id, Refused: access.Revoke}
	return desk.Verb(ctx, mr.desk, caller, guard, func(ctx context.Context) (Page, error) {
		return mr.startMassBy(ctx, caller, id, typed, reason, read)
	})
}

func (mr *MassRevoke) startMassBy(ctx context.Context, caller access.Caller, id, typed, reason, read string) (Page, error) {
	who, err := mr.overMass(ctx, caller, mr.cases.AsReviewer)
	if err != nil {
		return Page{}, err
	}
	p, err := mr.PageOf(ctx, caller.Tenant, id)
	if err != nil {
		return Page{}, err
	}
	if err := caller.MayRemove(); err != nil {
		return Page{}, err
	}
	if p.State != access.MassPlanned {
		return p, nil
	}
	if err := caller.Present(mr.desk.Now()); err != nil {
		return Page{}, err
	}
	if err := access.MassTerms(p.Mass).Check(read); err != nil {
		return Page{}, err
	}
	if err := checkStart(p.Mass, typed, reason); err != nil {
		return Page{}, err
	}
	f, err := mr.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Page{}, err
	}
	var delay time.Duration
	if caller.Via == access.ViaOperator {
		delay = operatorHead
	} else if who, err = mr.authority.Decider(ctx, f, caller); err != nil {
		return Page{}, err
	}
	if err := mr.beginRun(ctx, f, p.Mass, reason, who.ID(), delay); err != nil {
		return Page{}, err
	}
	return mr.PageOf(ctx, caller.Tenant, id)
}

// checkStart holds what was typed against the plan.
func checkStart(m access.Mass, typed, reason string) error {
	f := &access.FormError{}
	if n, err := strconv.Atoi(strings.TrimSpace(typed)); err != nil || n != m.Tokens {
		f.Add("count", "mass.count", map[string]any{"Count": m.Tokens})
	}
	if strings.TrimSpace(reason) == "" {
		f.Add("reason", "reason.revoke", nil)
	}
	return f.Err()
}

// beginRun starts m for whoever may, with the job that works on it after delay.
func (mr *MassRevoke) beginRun(ctx context.Context, f desk.Canvas, m access.Mass, reason, actor string, delay time.Duration) error {
	rate, reason := mr.massRate(ctx, f), desk.Storable(reason)
	var changed error
	err := mr.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		changed = nil
		now, err := tx.Mass(m.Tenant, m.ID)
		if err != nil {
			return err
		}
		if now.State != access.MassPlanned {
			return nil // somebody else pressed first; it runs
		}
		if now.Version != m.Version {
			changed = massForm("count", "mass.changed", map[string]any{"Was": m.Tokens, "Count": now.Tokens})
			return nil
		}
		q := planned(now)
		same, count, err := tx.SameMass(now, q)
		if err != nil {
			return err
		}
		next := now
		next.Version++
		if !same {
			changed = massForm("count", "mass.changed", map[string]any{"Was": now.Tokens, "Count": count})
			if next.Tokens, next.People, err = tx.CountMass(q); err != nil {
				return err
			}
			next.Estimate = rate.estimate(next.Tokens, next.People)
			_, err := tx.ReplanMass(next, q, mr.massEvent(now, next, actor, audit.MassPlan), massDetail(next, "planned anew: the selection had changed"))
			return err
		}
		next.State, next.StartedAt, next.Reason, next.By = access.MassRunning, mr.desk.Now(), reason, actor
		return tx.SaveMass(next, mr.massEvent(now, next, actor, audit.MassStart), massDetail(next, ""), massJob(next, mr.desk.Now().Add(delay)))
	})
	return errors.Join(err, changed)
}

// planned is the query that a plan is held against: its filter, or, where the
// tokens were chosen, those of them that can still be revoked.
func planned(m access.Mass) store.GrantQuery {
	if !m.Picked() {
		return store.MassQuery(m.Tenant, m.Filter, m.PlannedAt)
	}
	return store.GrantQuery{Tenant: m.Tenant, ItemOf: m.ID, States: access.MassTargets}
}

type massRef struct {
	Mass string `json:"mass"`
}

func massJob(m access.Mass, at time.Time) jobs.Insert {
	data, _ := json.Marshal(massRef{m.ID}) // always marshals
	return desk.NewJob(m.Tenant, jobMass, jobMass+":"+m.ID, data, at)
}

// Open is one mass revocation of the caller's school, for reviewers and operators.
func (mr *MassRevoke) Open(ctx context.Context, caller access.Caller, id string) (Page, error) {
	if _, err := mr.overMass(ctx, caller, mr.cases.ReviewerViewing); err != nil {
		return Page{}, err
	}
	return mr.PageOf(ctx, caller.Tenant, id)
}

// List are the mass revocations that run or ran, newest first, for reviewers. The
// tokens of those that ran are not counted again: all are proven gone.
func (mr *MassRevoke) List(ctx context.Context, caller access.Caller) ([]Page, error) {
	if _, err := mr.cases.ReviewerViewing(ctx, caller); err != nil {
		return nil, err
	}
	var out []Page
	err := mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
		ms, err := tx.Masses(caller.Tenant, cases.MassesShown, access.MassRunning, access.MassDone)
		if err != nil {
			return err
		}
		out = make([]Page, len(ms))
		var running []string
		var by []access.PersonID
		for i, m := range ms {
			out[i].Mass = m
			by = append(by, access.PersonID(m.By))
			if m.State == access.MassRunning {
				running = append(running, m.ID)
			}
		}
		counts, err := tx.MassCountsOf(running)
		if err != nil {
			return err
		}
		people, err := tx.People(caller.Tenant, notices.CompactIDs(by...))
		for i := range out {
			out[i].Counts, out[i].ByName = counts[out[i].ID], people[access.PersonID(out[i].By)].Name
		}
		return err
	})
	return out, err
}

// PageOf is a mass revocation as its page shows it, whoever asks.
func (mr *MassRevoke) PageOf(ctx context.Context, tenant access.TenantID, id string) (Page, error) {
	var p Page
	if !strings.HasPrefix(id, "mas_") || len(id) > 40 {
		return p, access.ErrNotFound
	}
	err := mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if p.Mass, err = tx.Mass(tenant, id); err != nil {
			return err
		}
		if p.Counts, err = tx.MassCounts(id); err != nil {
			return err
		}
		people, err := tx.People(tenant, []access.PersonID{access.PersonID(p.By)})
		if err != nil {
			return err
		}
		p.ByName = people[access.PersonID(p.By)].Name
		for by, into := range map[store.MassBy]*[]store.MassGroup{store.MassByRole: &p.Roles, store.MassByCourse: &p.Courses, store.MassByVendor: &p.Vendors} {
			if *into, err = tx.MassGroups(id, by, groupsShown); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// Row is one line of a mass revocation's report.
type Row struct {
	store.MassWork
	Code, Owner, Sponsor string
}

// Report gives every token of a mass revocation to row, with what proves it
// gone. It is for reviewers.
func (mr *MassRevoke) Report(ctx context.Context, caller access.Caller, id string, row func(Row) error) error {
	if _, err := mr.cases.ReviewerPressing(ctx, caller); err != nil {
		return err
	}
	if _, err := mr.PageOf(ctx, caller.Tenant, id); err != nil {
		return err
	}
	after := ""
	for {
		var part []Row
		err := mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
			var err error
			part, err = massRows(tx, caller.Tenant, id, after)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range part {
			if err := row(r); err != nil {
				return errors.Join(cases.ErrStopExport, err)
			}
			after = r.Grant.ID
		}
		if len(part) < cases.ExportPart {
			return nil
		}
	}
}

func massRows(tx *store.Tx, tenant access.TenantID, id, after string) ([]Row, error) {
	ws, err := tx.MassItems(id, after, cases.ExportPart)
	if err != nil {
		return nil, err
	}
	var ids []access.PersonID
	var behind []string
	for _, w := range ws {
		ids, behind = append(ids, w.Grant.Owner, w.Grant.Sponsor), append(behind, w.Grant.RequestID)
	}
	requests, err := tx.RequestsByID(tenant, behind)
	if err != nil {
		return nil, err
	}
	people, err := tx.People(tenant, notices.CompactIDs(ids...))
	if err != nil {
		return nil, err
	}
	out := make([]Row, len(ws))
	for i, w := range ws {
		r, ok := requests[w.Grant.RequestID]
		if !ok {
			return nil, access.ErrNotFound
		}
		out[i] = Row{MassWork: w, Code: r.Code(), Owner: people[w.Grant.Owner].Name, Sponsor: people[w.Grant.Sponsor].Name}
	}
	return out, nil
}

// massRate is what is known of how fast deletions go.
type massRate struct {
	Cost    float64       // units of Canvas's bucket for a call
	Latency time.Duration // of a call
}

// Assumed where nothing was measured yet. Canvas counts CPU seconds and seconds
// of its database: a call costs a fraction of a unit, seldom more.
const (
	assumedCost    = 1.0
	assumedLatency = 150 * time.Millisecond
)

// massRate measures one call, and asks the client what calls have cost so far.
func (mr *MassRevoke) massRate(ctx context.Context, f desk.Canvas) massRate {
	r := massRate{assumedCost, assumedLatency}
	ctx, cancel := mr.desk.WithLimit(ctx, 5*time.Second)
	defer cancel()
	began := mr.desk.Now()
	if _, err := f.Permissions(ctx, f.Root(), canvas.PermissionDeleteTokens, canvas.PermissionViewTokens); mr.desk.TrackAnswer(f.Tenant.ID, err) != nil {
		mr.desk.Log.WarnContext(ctx, "Canvas could not be asked; the estimate is an assumption", "err", err)
		return r
	}
	r.Latency = mr.desk.Now().Sub(began)
	if known := f.Rate(); known.Calls > 0 {
		r.Cost = known.Spent / float64(known.Calls)
	}
	return r
}

// A token takes a deletion and a look whether it is there; its owner, a look at
// the owner and one at their list. The permissions are confirmed every 3 minutes.
const (
	callsPerToken = 2
	callsPerOwner = 2
)

// estimate is how long so many deletions with their proofs take, one call after
// the other: the time of the calls, or what Canvas's bucket lets through.
func (r massRate) estimate(tokens, people int) time.Duration {
	calls := float64(callsPerToken*tokens + callsPerOwner*people + 1)
	slow := time.Duration(calls * float64(r.Latency))
	floor := time.Duration((calls*r.Cost - canvas.BulkBurst) / canvas.Drain * float64(time.Second))
	return max(slow, floor, time.Second).Round(time.Second)
}
