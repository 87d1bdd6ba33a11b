package notices

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// NoticeRef is the data of a notice job: what to tell whom. Everything else is
// read when it is sent, so a notice never says what is no longer true.
type NoticeRef struct {
	Kind    notify.Kind     `json:"kind"`
	Request string          `json:"request"`
	Grant   string          `json:"grant,omitempty"`
	To      access.PersonID `json:"to"`
	// Occasion tells the telling apart from another of the same kind.
	Occasion string `json:"occasion"`
	// Later: it waited for the end of a pace, and is told only if it still stands.
	Later bool `json:"later,omitempty"`
	// By is who asks, where a pace counts this message.
	By access.PersonID `json:"by,omitempty"`
}

// NoticeJob tells one person of one occasion, once. The key names the occasion:
// the state of the object it is about, or the given one.
func (ns *Notices) NoticeJob(kind notify.Kind, r access.Request, g *access.Grant, to access.PersonID, occasion string) jobs.Insert {
	ref := NoticeRef{Kind: kind, Request: r.ID, To: to}
	if occasion == "" {
		occasion = fmt.Sprintf("v%d", r.Version)
	}
	object := r.ID
	if g != nil {
		ref.Grant, object = g.ID, g.ID
		if strings.HasPrefix(occasion, "v") {
			occasion = fmt.Sprintf("v%d", g.Version)
		}
	}
	ref.Occasion = object + "/" + occasion
	data, _ := json.Marshal(ref) // always marshals
	return desk.NewJob(r.Tenant, desk.JobNotice, fmt.Sprintf("%s:%s:%s", kind, ref.Occasion, to), data, ns.desk.Now())
}

// FollowRequest turns an effect of the lifecycle into the jobs that tell people.
func (ns *Notices) FollowRequest(e access.Effect, before, after access.Request) []jobs.Insert {
	var out []jobs.Insert
	tell := func(kind notify.Kind, to ...access.PersonID) {
		for _, p := range to {
			if p != "" {
				out = append(out, ns.NoticeJob(kind, after, nil, p, ""))
			}
		}
	}
	switch e {
	case access.TellSponsor:
		tell(notify.AskedToSponsor, after.Sponsor)
	case access.TellReviewers:
		out = append(out, ns.digestJob(after.Tenant))
	case access.TellEndorsed:
		tell(notify.SponsorSaidYes, after.Requester)
		out = append(out, ns.digestJob(after.Tenant))
	case access.TellDeclined:
		tell(notify.SponsorSaidNo, after.Requester)
	case access.TellSponsorGone, access.TellReturned:
		if after.State == access.AwaitingSponsor {
			tell(notify.SponsorNeeded, after.Requester)
		} else {
			out = append(out, ns.digestJob(after.Tenant))
		}
	case access.TellApproved:
		if after.Adopts != "" {
			out = append(out, ns.adoptJob(after)) // who it concerns is told when the token is taken over
			break
		}
		tell(notify.Approved, after.Requester, after.Sponsor)
	case access.TellSponsorLeft:
		tell(notify.SponsorLeft, after.Requester, ToReviewers)
	case access.TellDenied:
		tell(notify.Denied, after.Requester, after.Sponsor)
	case access.TellRescinded:
		tell(notify.Rescinded, after.Requester, after.Sponsor)
	case access.TellWithdrawn:
		tell(notify.Withdrawn, before.Sponsor)
	case access.TellLapsed:
		tell(notify.Lapsed, after.Requester, before.Sponsor)
	case access.NoEffect:
	}
	return out
}

// AdoptedNotices tell that a token which existed is kept: its owner and its sponsor.
func (ns *Notices) AdoptedNotices(r access.Request, g *access.Grant) []jobs.Insert {
	out := []jobs.Insert{ns.NoticeJob(notify.Adopted, r, g, g.Owner, "")}
	if r.Sponsor != "" {
		out = append(out, ns.NoticeJob(notify.Adopted, r, g, r.Sponsor, ""))
	}
	return out
}

// endNotices tell of a token that is proven gone: its owner and its sponsor.
func (ns *Notices) endNotices(r access.Request, g *access.Grant) []jobs.Insert {
	if g.Cause == access.ByLeak {
		return ns.LeakNotices(notify.LeakDeleted, r, g, "")
	}
	kind := notify.Revoked
	switch {
	case g.State == access.Expired:
		kind = notify.Expired
	case g.State == access.Unclaimed:
		kind = notify.NeverActivated
	case g.Cause == access.ByAltered:
		kind = notify.Altered
	}
	out := []jobs.Insert{ns.NoticeJob(kind, r, g, g.Owner, "")}
	if g.Sponsor != "" {
		out = append(out, ns.NoticeJob(kind, r, g, g.Sponsor, ""))
	}
	if kind == notify.Altered {
		out = append(out, ns.NoticeJob(kind, r, g, ToReviewers, ""))
	}
	return out
}

// TellStuck tells the owner that a token is still usable: once.
func (ns *Notices) TellStuck(ctx context.Context, g access.Grant) {
	err := ns.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		return tx.InsertJob(ns.NoticeJob(notify.StillUsable, r, &g, g.Owner, "stuck"))
	})
	if err != nil && !errors.Is(err, access.ErrConflict) {
		ns.desk.Log.ErrorContext(ctx, "the owner could not be told that a token is still usable", "grant", g.ID, "err", err)
	}
}

// digestJob tells the reviewers what waits: at most one message per reviewer
// and day, so its key is the day.
func (ns *Notices) digestJob(t access.TenantID) jobs.Insert {
	day := ns.desk.Now().UTC().Format(time.DateOnly)
	return desk.NewJob(t, JobDigest, JobDigest+":"+string(t)+":"+day, nil, ns.desk.Now().Add(time.Minute))
}

// requestOf is of a grant's request what a notice about the grant names.
func requestOf(g access.Grant) access.Request {
	return access.Request{ID: g.RequestID, Tenant: g.Tenant}
}

// endingNext are the grants of q whose end comes first, so many as a list holds. They
// are read by hundreds: for a thousand at a time PostgreSQL would read all that live.
func endingNext(tx *store.Tx, q store.GrantQuery) (all []access.Grant, err error) {
	q.Order, q.Limit = store.Ends, 100
	for len(all) < store.MaxLimit {
		some, err := tx.Grants(q)
		if all = append(all, some...); err != nil || len(some) < q.Limit {
			return all, err
		}
		q.After = q.Next(some[len(some)-1])
	}
	return all, nil
}

// Remind sends what time brings to people: the sponsor's answer, collection,
// activation, the coming end. The occasion is in each job's key, so every
// replica may try and one message goes out.
func (ns *Notices) Remind(ctx context.Context, t store.Tenant) error {
	now := ns.desk.Now()
	var todo []jobs.Insert
	err := ns.desk.Store.Read(ctx, func(tx *store.Tx) error {
		rs, err := tx.Requests(store.RequestQuery{Tenant: t.ID, States: []access.RequestState{access.AwaitingSponsor, access.Approved}, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, r := range rs {
			switch {
			case r.State == access.AwaitingSponsor && r.Sponsor != "":
				pol, err := desk.PolicyOf(tx, r)
				if err != nil {
					return err
				}
				if d, ok := ReachedDay(now, r.SponsorDue.Add(-pol.Windows.SponsorAnswer), 3, 7, 12); ok {
					todo = append(todo, ns.NoticeJob(notify.SponsorReminder, r, nil, r.Sponsor, fmt.Sprintf("day%d:%s", d, r.SponsorDue.UTC().Format(time.DateOnly))))
				}
			case r.State == access.Approved && r.Adopts == "":
				if d, ok := ReachedDay(now, r.Decision().At, 3, 7, 12); ok {
					todo = append(todo, ns.NoticeJob(notify.CollectReminder, r, nil, r.Requester, fmt.Sprintf("day%d:%s", d, r.Decision().At.UTC().Format(time.DateOnly))))
				}
			}
		}
		waiting, err := tx.Grants(store.GrantQuery{Tenant: t.ID, States: []access.GrantState{access.HandedOver}, Order: store.Ends, Limit: store.MaxLimit})
		if err != nil {
			return err
		}
		for _, g := range waiting {
			if d, ok := ReachedDay(now, g.ShownAt, 1, 3, 6); ok {
				todo = append(todo, ns.NoticeJob(notify.ActivateReminder, requestOf(g), &g, g.Owner, fmt.Sprintf("day%d:%d", d, g.Attempt)))
			}
		}
		ending, err := endingNext(tx, store.GrantQuery{Tenant: t.ID, States: []access.GrantState{access.Active}, EndsBefore: now.AddDate(0, 0, 30)})
		if err != nil {
			return err
		}
		var ids []string
		for _, g := range ending {
			if g.EndsWhyNow() == access.ByCourse {
				ids = append(ids, g.RequestID)
			}
		}
		byCourse, err := tx.RequestsByID(t.ID, ids)
		if err != nil {
			return err
		}
		for _, g := range ending {
			for _, d := range []int{1, 7, 14, 30} {
				if g.EndsAt().Sub(now) > time.Duration(d)*24*time.Hour {
					continue
				}
				if g.ShownAt.After(g.EndsAt().AddDate(0, 0, -d)) {
					break // it was made inside this window: its owner has just read the date
				}
				if g.EndsWhyNow() == access.ByCourse {
					pol, err := desk.PolicyOf(tx, byCourse[g.RequestID])
					if err != nil {
						return err
					}
					if time.Duration(d)*24*time.Hour >= pol.Windows.Grace {
						break // the date was told when it was seen, which is inside this window
					}
				}
				for _, to := range []access.PersonID{g.Owner, g.Sponsor} {
					if to != "" {
						j := ns.NoticeJob(notify.EndingSoon, requestOf(g), &g, to, fmt.Sprintf("end%d:%s", d, g.EndsAt().UTC().Format(time.DateOnly)))
						todo = append(todo, j)
					}
				}
				break
			}
		}
		todo, err = tx.NewJobs(todo)
		return err
	})
	if err != nil {
		return err
	}
	if now.In(desk.Zone(t)).Hour() >= 8 {
		todo = append(todo, ns.digestJob(t.ID)) // says nothing when nothing waits
	}
	for _, j := range todo {
		if err := ns.desk.Store.InsertJob(ctx, j); err != nil && !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	return nil
}

// ReachedDay returns the latest of the given days after from that now has reached,
// and whether it is that day still: a reminder that was missed is not sent later.
func ReachedDay(now, from time.Time, days ...int) (int, bool) {
	if from.IsZero() {
		return 0, false
	}
	for _, d := range slices.Backward(days) {
		if now.Sub(from) >= time.Duration(d)*24*time.Hour {
			return d, now.Sub(from) < time.Duration(d+1)*24*time.Hour
		}
	}
	return 0, false
}

// noticeHandler sends one notice by every way of its tenant that has not sent
// it yet. Nobody waits for it, and hundreds can follow from one night or one
// press: it leaves Canvas's rate limit to others.
func (ns *Notices) noticeHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	ref, err := jobs.Decode[NoticeRef](j.Data)
	if err != nil {
		return err
	}
	f, err := ns.desk.CanvasOf(ctx, access.TenantID(j.Tenant), "")
	if err == nil {
		err = ns.LettersRest(f)
	}
	if err != nil {
		return err
	}
	var to store.Person
	var facts MessageFacts
	err = ns.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if ref.To != ToReviewers {
			if to, err = tx.Person(f.Tenant.ID, ref.To); err == nil && to.MergedInto != "" {
				to, err = tx.Person(f.Tenant.ID, to.MergedInto)
			}
			if err != nil {
				return err
			}
			ref.To = to.ID
		}
		facts, err = ns.FactsOf(tx, f, ref)
		return err
	})
	switch {
	case errors.Is(err, errMoot):
		return ns.unsaid(ctx, f, ref)
	case errors.Is(err, access.ErrNotFound):
		return jobs.Permanent(err)
	case err != nil:
		return err
	}
	if ref.To == ToReviewers {
		return ns.SendReviewers(ctx, f, ref.Kind, facts, j.Claim > 1)
	}
	return ns.Send(ctx, f, ref.Kind, facts, to, RecipientPart(ref, facts), j.Claim > 1)
}

// Send composes a message for one person and gives it to each way once.
func (ns *Notices) Send(ctx context.Context, f desk.Canvas, kind notify.Kind, facts MessageFacts, to store.Person, as notify.Audience, again bool) error {
	var profile canvas.Profile
	err := ns.unlessResting(ctx, f.People(), func() (err error) {
		profile, err = f.Profile(ctx, to.CanvasUser)
		return ns.desk.TrackAnswer(f.Tenant.ID, err)
	})
	if err != nil {
		if desk.NotFound(err) { // Canvas has no such person any more: there is nobody to tell
			ns.desk.Log.WarnContext(ctx, "a notice has nobody to go to", "kind", kind, "person", to.ID, "err", err)
			e := ns.desk.Event(f.Tenant.ID, access.SystemID, audit.NoticeFailed, facts.Object)
			d := audit.NewDetail(map[string]string{"way": "canvas", "kind": string(kind)})
			return ns.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) })
		}
		return err
	}
	rcpt := notify.Recipient{CanvasUserID: to.CanvasUser, Name: to.Name, Email: profile.PrimaryEmail, As: as,
		Locale: cmp.Or(to.Locale, profile.Locale), TimeZone: cmp.Or(to.TimeZone, profile.TimeZone, f.Tenant.School.TimeZone)}
	facts.Facts.Now = ns.desk.Now()
	m, err := ns.desk.Composer.Compose(kind, Removed(facts.Facts), rcpt)
	if err != nil {
		return jobs.Permanent(err)
	}
	m.Resend = again
	var all error
	for _, way := range ns.desk.Ways(f.Platform, f.Client) {
		var sent bool
		err := ns.desk.Store.Read(ctx, func(tx *store.Tx) error {
			var err error
			sent, err = tx.NoticeSent(m.Key, way.Name())
			return err
		})
		if err != nil {
			return err
		}
		if sent {
			continue
		}
		outcome := "sent"
		err = ns.unlessResting(ctx, f.Server(way), func() error { return way.Send(ctx, m) })
		if err != nil {
			if !notify.Permanent(err) {
				all = errors.Join(all, err)
				continue
			}
			outcome = "refused"
			ns.desk.Log.WarnContext(ctx, "a notice was refused for good", "way", way.Name(), "kind", kind, "err", err)
			e := ns.desk.Event(f.Tenant.ID, access.SystemID, audit.NoticeFailed, facts.Object)
			d := audit.NewDetail(map[string]string{"way": way.Name(), "kind": string(kind)})
			if err := ns.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); err != nil {
				return err
			}
		}
		if err := ns.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.MarkNotice(f.Tenant.ID, m.Key, way.Name(), outcome) }); err != nil {
			return err
		}
	}
	return all
}

// MessageFacts is what one message says, and what it is about.
type MessageFacts struct {
	notify.Facts
	Object    string
	Requester access.PersonID
	sponsor   access.PersonID
}

// Removed has a letter say of words that were erased that they were.
func Removed(f notify.Facts) notify.Facts {
	if f.Reason == access.Erased {
		f.Reason, f.ReasonRemoved = "", true
	}
	if f.Alternative == access.Erased {
		f.Alternative, f.AlternativeRemoved = "", true
	}
	return f
}

// RecipientPart is the recipient's part in what is told.
func RecipientPart(ref NoticeRef, facts MessageFacts) notify.Audience {
	if ref.To != facts.Requester {
		return notify.AsSponsor
	}
	return notify.AsRequester
}

// FactsOf reads what a message may say. There is no place for a secret in it.
func (ns *Notices) FactsOf(tx *store.Tx, f desk.Canvas, ref NoticeRef) (MessageFacts, error) {
	r, err := tx.Request(f.Tenant.ID, ref.Request)
	if err != nil {
		return MessageFacts{}, err
	}
	out := MessageFacts{Object: r.ID, Requester: r.Requester, sponsor: r.Sponsor}
	endorsed, refusal := r.Endorsement(), r.Refusal()
	by, _ := r.Decider()
	if ref.Kind == notify.SponsorSaidNo || ref.Kind == notify.SponsorSaidYes {
		by = cmp.Or(endorsed.Person, r.Sponsor)
	}
	if ref.Kind == notify.SponsorLeft {
		if r.SponsorLost == "" {
			return MessageFacts{}, errMoot // another was chosen already
		}
		out.Sponsor = r.SponsorLost
	}
	var g access.Grant
	if ref.Grant != "" {
		if g, err = tx.Grant(f.Tenant.ID, ref.Grant); err != nil {
			return MessageFacts{}, err
		}
		if moot(ref, g) {
			return MessageFacts{}, errMoot
		}
		out.Object, out.sponsor, by = g.ID, g.Sponsor, g.EndedBy
	}
	people, err := tx.People(f.Tenant.ID, CompactIDs(r.Requester, r.Sponsor, endorsed.Person, g.Sponsor, g.SponsorWas, g.TurnedDown, by, ref.To))
	if err != nil {
		return MessageFacts{}, err
	}
	if _, ok := people[ref.To]; !ok && ref.To != ToReviewers {
		return MessageFacts{}, access.ErrNotFound
	}
	if moot, err := mootAsk(tx, ref, r, people[ref.To]); err != nil || moot {
		return MessageFacts{}, cmp.Or(err, errMoot)
	}
	sch := f.Tenant.School
	out.Facts = notify.Facts{
		Occasion: ref.Occasion, Code: r.Code(), Title: cmp.Or(r.Title(), r.Code()), Requester: people[r.Requester].Name,
		Sponsor: cmp.Or(people[r.Sponsor].Name, people[endorsed.Person].Name, r.SponsorLost), By: people[by].Name,
		Course: cmp.Or(r.Course.Code, r.Course.Name),
		Reason: r.Reason(), AlternativeKind: refusal.Alternative, Alternative: refusal.AltText,
		EndsAt: r.End, AnswerBy: r.SponsorDue, ReviewBy: r.ReviewDue, CollectBy: r.CollectBy, At: r.UpdatedAt,
		NotCollected: r.Decision().Said() && r.Adopts == "", Kept: r.Adopts != "", Team: sch.CanvasTeam, Contact: sch.Contact,
		Link: ns.deepLink(f, r, people[ref.To], ref.To == g.Sponsor || ref.To == g.SponsorAsked), SettingsLink: SettingsLink(f),
	}
	if err := ns.dataFacts(tx, r, &out.Facts); err != nil {
		return MessageFacts{}, err
	}
	if ref.To == ToReviewers {
		out.Link = ns.ToolLink(f, "accounts/"+f.Root(), "account_navigation", "/go/"+r.Code())
	}
	if ref.Grant != "" {
		out.EndsAt, out.ActivateBy, out.LastUsedAt = g.EndsAt(), g.ActivateBy, g.LastUsedAt
		out.Replaced, out.ByOwner = g.State == access.Replacing, g.EndedBy == g.Owner
		out.At = cmp.Or(g.EndedAt, g.RevokingAt, g.ShownAt)
		out.Case = caseOf(ref.Kind, g)
		out.Days = int(g.EndsAt().Sub(ns.desk.Now())/(24*time.Hour)) + 1
		if out.Reason, err = endReason(tx, g); err != nil {
			return MessageFacts{}, err
		}
		if g.Sponsor != "" {
			out.Sponsor = people[g.Sponsor].Name
		}
		if err := sponsorFacts(tx, ref.Kind, g, people, &out.Facts); err != nil {
			return MessageFacts{}, err
		}
		if err := ns.endingFacts(tx, f, ref, g, &out); err != nil {
			return MessageFacts{}, err
		}
	}
	return out, nil
}

// caseOf chooses among the words of one kind, where what happened to the token
// has words of its own.
func caseOf(k notify.Kind, g access.Grant) string {
	switch {
	case k == notify.Drifted && g.Drift != access.DriftExtended && g.Drift != access.DriftMaybe:
		return string(g.Drift)
	case k == notify.EndingSoon && g.EndsWhyNow() == access.ByCourse:
		return string(access.ByCourse)
	case k == notify.Revoked && g.Cause.OwnLetter():
		return string(g.Cause)
	}
	return ""
}

// errMoot: what a notice was to tell is not so any more. It is not sent.
var errMoot = errors.New("the notice is moot")

// moot reports whether a notice about a token's sponsor or renewal came too late.
func moot(ref NoticeRef, g access.Grant) bool {
	switch ref.Kind {
	case notify.SponsorGone, notify.TurnedDown:
		return g.GapUntil.IsZero() || g.SponsorAsked != ""
	case notify.AskedToTakeOver:
		return g.SponsorAsked != ref.To
	case notify.TookOver:
		return g.Sponsor == ""
	case notify.CourseOver:
		return !g.State.Live() || g.EndsWhyNow() != access.ByCourse
	case notify.Retiring:
		return g.RetireAt.IsZero() || g.State != access.Active
	}
	return false
}

// endReason is what the person wrote who began a token's end. Of a token that is
// part of a mass revocation that stands with the revocation.
func endReason(tx *store.Tx, g access.Grant) (string, error) {
	if g.Cause != access.ByMass {
		return tx.Quote(g.Tenant, g.ID, store.QuoteEnd)
	}
	m, err := tx.MassThatEnds(g.Tenant, g.ID)
	if errors.Is(err, access.ErrNotFound) {
		return "", nil
	}
	return m.Reason, err
}

// sponsorFacts are the facts of a notice about a token's sponsor or its renewal.
func sponsorFacts(tx *store.Tx, k notify.Kind, g access.Grant, people map[access.PersonID]store.Person, out *notify.Facts) (err error) {
	switch k {
	case notify.SponsorGone:
		out.AnswerBy, out.Sponsor, out.Reason = g.GapUntil, people[g.SponsorWas].Name, ""
		switch g.GapWhy {
		case access.GapEnded:
			out.Reason, err = tx.Quote(g.Tenant, g.ID, store.QuoteSponsorship)
		case access.GapLost:
			out.Case = "rule"
		default:
			out.Case = string(access.GapUnknown)
		}
		out.By = out.Sponsor
	case notify.TurnedDown:
		out.AnswerBy, out.Sponsor, out.Reason = g.GapUntil, people[g.TurnedDown].Name, ""
		out.By = out.Sponsor
	case notify.Retiring:
		out.At = g.RetireAt
	case notify.CourseOver:
		out.At = g.EndsAt()
	case notify.AskedToTakeOver:
		out.AnswerBy = g.GapUntil
	}
	return err
}

// SettingsLink is where in Canvas somebody finds their own tokens.
func SettingsLink(f desk.Canvas) string {
	if len(f.Platform.CanvasURLs) == 0 {
		return ""
	}
	return f.Platform.CanvasURLs[0] + "/profile/settings"
}

// CompactIDs are the people of a list, each once and nobody without an id.
func CompactIDs(ids ...access.PersonID) []access.PersonID {
	ids = slices.DeleteFunc(ids, func(p access.PersonID) bool { return p == "" })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// deepLink leads through Canvas's own page of the tool to one request
// (docs/decisions.md 32): the course for those who came from one, else the person's own
// settings. The path behind it only routes; it gives no right.
func (ns *Notices) deepLink(f desk.Canvas, r access.Request, to store.Person, stands bool) string {
	if r.Course.ID != "" && (stands || to.ID == r.Requester || to.ID == r.Sponsor) {
		return ns.ToolLink(f, "courses/"+r.Course.ID, "course_navigation", "/go/"+r.Code())
	}
	return ns.ToolLink(f, "users/"+to.CanvasUser, "user_navigation", "/go/"+r.Code())
}

// ToolLink is an address in Canvas that opens the tool at a path.
func (ns *Notices) ToolLink(f desk.Canvas, context, placement, path string) string {
	if len(f.Platform.CanvasURLs) == 0 || len(f.Platform.Registration.Deployments) == 0 {
		return ""
	}
	tool, _, _ := strings.Cut(f.Platform.Registration.Deployments[0].ID, ":")
	q := url.Values{"placement": {placement}, "launch_url": {ns.desk.PublicURL + path}}
	return f.Platform.CanvasURLs[0] + "/" + context + "/external_tools/" + url.PathEscape(tool) + "?" + q.Encode()
}
