package bulk

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
)

func decimal(n int) string { return strconv.Itoa(n) }

// tables are the rows of all tables, those first that others refer to.
func (f *filler) tables() []table {
	return []table{
		tableOf("people", "id tenant canvas_user name short_name search locale time_zone email merged_into seen_at created_at", f.people()),
		tableOf("person_subs", "tenant sub person", f.subs()),
		tableOf("requests", requestColumns, f.lives(func(l *life, yield func([]any) bool) bool { return yield(l.row()) })),
		tableOf("grants", grantColumns, f.lives(f.grants)),
		tableOf("votes", "tenant object owner round stage part person verdict at reason conditions alternative alt_text ends_at", f.votes()),
		tableOf("quotes", "tenant object kind words", f.lives(f.quotes)),
		tableOf("notices", "key way tenant detail sent_at", f.lives(f.notices)),
		tableOf("jobs", "id kind key tenant data state run_at failures claims leased_by leased_until trouble created_at settled_at", f.lives(f.jobs)),
		tableOf("incidents", "id tenant version grant_id owner reported_by how opened_at cleared_at cleared_by after_end", f.lives(f.incidents)),
		tableOf("mass_revocations", "id tenant version state filter reason actor planned_at started_at ended_at tokens people estimate leased_by leased_until", f.masses()),
		tableOf("mass_items", "mass grant_id state trouble tries next_try proof ended_at", f.lives(f.items)),
		tableOf("campaigns", "id tenant message started_at started_by due_at tokens people", f.campaigns()),
		tableOf("inventories", "id tenant version state report_id asked_by started_at read_at ended_at tokens ours others trouble", f.inventories()),
		tableOf("found_tokens", foundColumns, f.found()),
		tableOf("sessions", "hash tenant person platform place rights data created_at launched_at seen_at idle_until ends_at cookie_seen", f.sessions()),
		tableOf("audit_events", "tenant seq id at actor action object from_state to_state version related detail_sum prev hash", f.log()),
		tableOf("audit_details", "event_id tenant salt data", f.lives(f.details)),
	}
}

// count is the rows of what is numbered from 0 to n-1.
func count(n int, row func(i int) []any) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := range n {
			if !yield(row(i)) {
				return
			}
		}
	}
}

// lives is what each request brings to a table.
func (f *filler) lives(rows func(l *life, yield func([]any) bool) bool) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for k := range f.all() {
			l := f.life(k)
			if !rows(&l, yield) {
				return
			}
		}
	}
}

func (f *filler) people() iter.Seq[[]any] {
	return count(f.Size.People+reviewers, func(p int) []any {
		name := f.name(p)
		return []any{string(f.person(p)), string(f.Tenant), f.user(p), name, strings.Fields(name)[0], strings.ToLower(name), "en", "America/Phoenix",
			fmt.Sprintf("p%d@example.edu", p), nil, at(f.Now.Add(-day(float64(pick("seen", p, 900))))), at(f.Now.Add(-day(2000)))}
	})
}

func (f *filler) subs() iter.Seq[[]any] {
	return count(f.Size.People+reviewers, func(p int) []any { return []any{string(f.Tenant), f.id("sub", p), string(f.person(p))} })
}

func (f *filler) grants(l *life, yield func([]any) bool) bool {
	if l.grant == "" {
		return true
	}
	g := l.token(f)
	if !yield(grantRow(g)) {
		return false
	}
	if !l.grant.Final() || pick("void", l.k, 30) > 0 {
		return true
	}
	// An attempt that came to nothing.
	g.ID, g.State, g.CanvasID, g.Digest, g.EndedBy, g.Cause = f.id("grt", -1-l.k), access.Void, "", nil, "", access.ByFault
	g.CreatedAt = g.CreatedAt.Add(-time.Hour)
	g.ShownAt, g.ActivatedAt, g.LastUsedAt, g.Expires = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return yield(grantRow(g))
}

func (f *filler) vote(object string, owner access.PersonID, v access.Vote) []any {
	return []any{string(f.Tenant), object, string(owner), v.Round, v.Stage, string(v.Part), string(v.Person), string(v.Verdict), at(v.At), v.Reason, v.Conditions, "", "", at(v.End)}
}

func (f *filler) votes() iter.Seq[[]any] {
	ofRequest := f.lives(func(l *life, yield func([]any) bool) bool {
		sponsor := access.Vote{Part: access.AsSponsor, Person: l.Sponsor, Verdict: access.Yes, At: l.SubmittedAt.Add(time.Minute)}
		switch l.State {
		case access.SponsorDeclined:
			sponsor.Verdict, sponsor.Reason = access.No, "I do not teach this course any more."
		case access.Withdrawn, access.Lapsed, access.AwaitingSponsor, access.Draft, access.Discarded:
			sponsor.Person = ""
		}
		if sponsor.Person != "" && !yield(f.vote(l.ID, l.Requester, sponsor)) {
			return false
		}
		v := access.Vote{Stage: 1, Part: access.AsReviewer, Person: l.decider, Verdict: access.Yes, At: l.decided}
		switch {
		case l.State == access.Denied:
			v.Verdict, v.Reason = access.No, "An export of the gradebook does the same."
		case l.State == access.InReview && l.k%20 == 0:
			v.Person, v.Verdict, v.At = f.reviewer(l.k), access.Claimed, f.Now.Add(-20*time.Minute)
		}
		return v.Person == "" || yield(f.vote(l.ID, l.Requester, v))
	})
	return func(yield func([]any) bool) {
		for row := range ofRequest {
			if !yield(row) {
				return
			}
		}
		for i := range f.foundAll() {
			for _, v := range f.foundAt(i).Votes {
				if !yield(f.vote(f.id("fnd", i), "", v)) {
					return
				}
			}
		}
	}
}

func (f *filler) quotes(l *life, yield func([]any) bool) bool {
	return l.grant != access.Revoked || yield([]any{string(f.Tenant), f.id("grt", l.k), "end", "I do not need it any more."})
}

func (f *filler) notices(l *life, yield func([]any) bool) bool {
	return l.grant == "" || yield([]any{f.id("grt", l.k) + "/shown", "inbox", string(f.Tenant), decimal(l.k), at(l.decided.Add(2 * time.Hour))})
}

// jobs are the watch over each living token, and what was done in the last weeks.
func (f *filler) jobs(l *life, yield func([]any) bool) bool {
	job := func(kind, key, data, state string, run, settled time.Time) bool {
		return yield([]any{f.id("job", l.k), kind, key, string(f.Tenant), data, state, at(run), 0, 1, "", nil, "", at(run.Add(-time.Hour)), at(settled)})
	}
	id := f.id("grt", l.k)
	switch {
	case l.grant != "" && l.grant.Live():
		return job("grant.watch", fmt.Sprintf("grant.watch:%s:1:%s", id, l.grant), fmt.Sprintf(`{"grant":%q,"attempt":1}`, id), "due",
			f.Now.Add(6*time.Hour+time.Duration(pick("watch", l.k, 60))*time.Minute), time.Time{})
	case l.grant != "" && pick("done", l.k, 100) == 0:
		run := f.Now.Add(-day(float64(1 + pick("settled", l.k, 28))))
		return job("notice", "notice:"+id+":shown", "{}", "done", run, run)
	}
	return true
}

func (f *filler) incidents(l *life, yield func([]any) bool) bool {
	incident := func(opened, cleared time.Time, by access.PersonID) bool {
		return yield([]any{f.id("inc", l.k), string(f.Tenant), 1, f.id("grt", l.k), string(l.Requester), string(l.Requester), "owner", at(opened), at(cleared), ref(by), false})
	}
	switch {
	case l.grant == access.Frozen:
		return incident(f.Now.Add(-day(1)), time.Time{}, "")
	case l.grant == access.Revoked && pick("leak", l.k, 100) == 0:
		return incident(l.end, l.end.Add(time.Minute), f.reviewer(l.k))
	}
	return true
}

// massEvery is how many ended requests there are for one mass revocation.
const massEvery = 30_000

func (f *filler) masses() iter.Seq[[]any] {
	n := f.Size.Ended/massEvery + 1
	return count(n, func(i int) []any {
		t := f.Now.Add(-day(float64(3 * (n - i))))
		return []any{f.id("mas", i), string(f.Tenant), 3, "done", "all=yes", "A drill.", "operator:root", at(t), at(t.Add(time.Hour)), at(t.Add(2 * time.Hour)), 100, 90, 600, "", nil}
	})
}

func (f *filler) items(l *life, yield func([]any) bool) bool {
	return l.grant != access.Revoked || pick("mass", l.k, 10) > 0 ||
		yield([]any{f.id("mas", l.k/massEvery), f.id("grt", l.k), "gone", "", 1, nil, "404", at(l.end)})
}

// campaignEvery is how many ended found tokens there are for one campaign.
const campaignEvery = 400

func (f *filler) campaigns() iter.Seq[[]any] {
	old := f.foundEnded()/campaignEvery + 1
	return count(old+1, func(i int) []any {
		t := f.Now.Add(-day(float64(20 * (old - i)))).Add(-day(3))
		return []any{f.id("cam", i), string(f.Tenant), "", at(t), string(f.reviewer(i)), at(t.Add(day(14))), campaignEvery, campaignEvery / 2}
	})
}

func (f *filler) inventories() iter.Seq[[]any] {
	n := min(f.Size.Ended/500+1, 1800)
	return count(n, func(i int) []any {
		t := f.Now.Add(-day(float64(n-i)) + day(0.5))
		return []any{f.id("inv", i), string(f.Tenant), 3, "done", decimal(i), "system", at(t), at(t.Add(time.Minute)), at(t.Add(2 * time.Minute)),
			f.Size.Live + OpenFound, f.Size.Live, OpenFound, ""}
	})
}

func (f *filler) foundEnded() int { return f.Size.Ended / 10 }
func (f *filler) foundAll() int   { return f.foundEnded() + OpenFound }

// foundAt is found token i: the ended ones come first.
func (f *filler) foundAt(i int) access.Found {
	p := pick("found", i, f.Size.People)
	t := access.Found{ID: f.id("fnd", i), Tenant: f.Tenant, Version: 3, CanvasUser: f.user(p), CanvasID: decimal(50_000_000 + i), Owner: f.person(p), OwnerName: f.name(p),
		Hint: "2~" + f.id("fnd", i)[4:7], Purpose: makers[pick("fnd", i, len(makers))] + " integration", SeenAt: f.Now.Add(-day(0.5))}
	if pick("stranger", i, 3) == 0 {
		t.Owner = ""
	}
	t.FoundAt = f.Now.Add(-day(float64(1 + pick("days", i, 90))))
	old := f.foundEnded() / campaignEvery
	j := i - f.foundEnded()
	if j < 0 {
		t.FoundAt = f.Now.Add(-day(1800 * float64(f.foundEnded()-i) / float64(f.foundEnded()))).Add(-day(30))
		t.Campaign, t.ToldAt, t.DueAt = f.id("cam", i/campaignEvery), t.FoundAt.Add(day(1)), t.FoundAt.Add(day(15))
		t.EndedAt = t.FoundAt.Add(day(16))
		t.UpdatedAt, t.SeenAt = t.EndedAt, t.EndedAt
	}
	t.MadeAt = t.FoundAt.Add(-day(100))
	if pick("never", i, 4) > 0 {
		t.Expires = t.MadeAt.Add(day(400))
	}
	yes := func(n int) (out access.Votes) {
		for v := range n {
			out = append(out, access.Vote{Stage: 1, Part: access.AsReviewer, Person: f.person(f.Size.People + (i+v)%reviewers), Verdict: access.Yes, At: f.Now.Add(-day(float64(3 - v))), Reason: "The campus runs it.", End: f.Now.Add(day(200))})
		}
		return out
	}
	switch n := pick("became", i, 10); {
	case j < 0 && n == 0:
		t.State = access.FoundAdopted
	case j < 0 && n < 7:
		t.State, t.EndedBy, t.RemovingAt = access.FoundRemoved, f.reviewer(i), t.EndedAt.Add(-time.Minute)
	case j < 0:
		t.State = access.FoundGone
	case j < 120:
		t.State, t.AccountRole = access.FoundNew, j < 3
	case j < 220:
		t.State, t.Campaign, t.ToldAt, t.DueAt = access.FoundTold, f.id("cam", old+1), f.Now.Add(-day(3)), f.Now.Add(day(11))
	case j < 225:
		t.State, t.Votes = access.FoundAllowing, yes(1)
	case j < 295:
		t.State, t.Votes, t.ReviewAt = access.FoundAllowed, yes(2), f.Now.Add(day(200))
	default:
		t.State, t.EndedBy, t.RemovingAt, t.Tries, t.NextTry = access.FoundRemoving, f.reviewer(i), f.Now.Add(-time.Hour), 2, f.Now.Add(3*time.Hour)
	}
	if t.UpdatedAt.IsZero() {
		t.UpdatedAt = t.FoundAt.Add(time.Hour)
	}
	return t
}

const foundColumns = `id tenant version state open canvas_user canvas_id owner owner_name account_role hint purpose marker search made_at expires last_used_at
	found_at seen_at updated_at campaign told_at due_at request_id grant_id round review_at ended_by removing_at tries next_try trouble ended_at`

func (f *filler) found() iter.Seq[[]any] {
	return count(f.foundAll(), func(i int) []any {
		t := f.foundAt(i)
		return []any{t.ID, string(t.Tenant), t.Version, string(t.State), !t.State.Final(), t.CanvasUser, t.CanvasID, ref(t.Owner), t.OwnerName, t.AccountRole, t.Hint, t.Purpose, "",
			strings.ToLower(t.OwnerName + "\n" + t.Purpose), at(t.MadeAt), at(t.Expires), at(t.LastUsedAt), at(t.FoundAt), at(t.SeenAt), at(t.UpdatedAt), ref(t.Campaign),
			at(t.ToldAt), at(t.DueAt), nil, nil, 0, at(t.ReviewAt), ref(t.EndedBy), at(t.RemovingAt), t.Tries, at(t.NextTry), "", at(t.EndedAt)}
	})
}

func (f *filler) sessions() iter.Seq[[]any] {
	return count(100, func(i int) []any {
		return []any{[]byte(f.id("ses", i)), string(f.Tenant), string(f.person(i)), "plt_none", "course", "", "{}", at(f.Now.Add(-time.Hour)), at(f.Now.Add(-time.Hour)),
			at(f.Now.Add(-time.Minute)), at(f.Now.Add(time.Hour)), at(f.Now.Add(8 * time.Hour)), true}
	})
}

// told are the entries of the log about a request.
func (f *filler) told(l *life, yield func(audit.Event, *audit.Detail) bool) bool {
	n := 0
	tell := func(when time.Time, actor access.PersonID, do audit.Action, object, from, to, related string, d *audit.Detail) bool {
		n++
		return yield(audit.Event{ID: f.id("aud", 3*l.k+n), Tenant: string(f.Tenant), At: when, Actor: string(actor), Action: do, Object: object, From: from, To: to, Version: n, Related: related}, d)
	}
	if !tell(l.CreatedAt, l.Requester, audit.RequestCreate, l.ID, "", string(access.Draft), "", nil) {
		return false
	}
	if l.State == access.Draft {
		return true
	}
	if !tell(l.CreatedAt.Add(time.Hour), l.Requester, audit.RequestSubmit, l.ID, string(access.Draft), string(access.InReview), "", nil) {
		return false
	}
	if l.ClosedAt.IsZero() {
		return true
	}
	because := &audit.Detail{Salt: []byte(f.id("salt", l.k)), Data: map[string]string{"reason": "It is needed for the course."}}
	switch {
	case l.grant != "":
		return tell(l.decided.Add(time.Hour), l.Requester, audit.GrantShown, f.id("grt", l.k), string(access.Minting), string(access.HandedOver), l.ID, because)
	case l.State == access.Denied:
		return tell(l.decided, l.decider, audit.RequestDeny, l.ID, string(access.InReview), string(access.Denied), "", because)
	}
	return tell(l.ClosedAt, l.Requester, audit.RequestWithdraw, l.ID, string(access.InReview), string(l.State), "", nil)
}

// log is the chain of the audit log, behind what the tenant has of it.
func (f *filler) log() iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for k := range f.all() {
			l := f.life(k)
			if !f.told(&l, func(e audit.Event, d *audit.Detail) bool {
				e = audit.Seal(e, int64(f.seq)+1, f.head, d)
				f.seq, f.head = int(e.Seq), e.Hash
				return yield([]any{e.Tenant, e.Seq, e.ID, at(e.At), e.Actor, string(e.Action), e.Object, e.From, e.To, e.Version, e.Related, e.DetailSum, e.Prev, e.Hash})
			}) {
				return
			}
		}
	}
}

func (f *filler) details(l *life, yield func([]any) bool) bool {
	return f.told(l, func(e audit.Event, d *audit.Detail) bool {
		if d == nil {
			return true
		}
		data, _ := json.Marshal(d.Data) // always marshals
		return yield([]any{e.ID, e.Tenant, d.Salt, string(data)})
	})
}
