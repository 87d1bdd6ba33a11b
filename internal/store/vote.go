package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

type voteRow struct {
	Tenant      string
	Object      string `gorm:"primaryKey"`
	Owner       string
	Round       int    `gorm:"primaryKey;autoIncrement:false"`
	Stage       int    `gorm:"primaryKey;autoIncrement:false"`
	Part        string `gorm:"primaryKey"`
	Person      string `gorm:"primaryKey"`
	Verdict     string
	At          moment
	Reason      string
	Conditions  string
	Alternative string
	AltText     string
	EndsAt      moment
}

func (voteRow) TableName() string { return "votes" }

func (r voteRow) vote() access.Vote {
	return access.Vote{Round: r.Round, Stage: r.Stage, Part: access.Part(r.Part), Person: access.PersonID(r.Person), Verdict: access.Verdict(r.Verdict),
		At: r.At.time(), Reason: r.Reason, Conditions: r.Conditions, Alternative: r.Alternative, AltText: r.AltText, End: r.EndsAt.time()}
}

// voteOrder: the rounds of one object follow each other; ties of time are broken
// by the stage.
const voteOrder = "object, round, at, stage, person"

// votesOf returns the votes about the objects, oldest first.
func (tx *Tx) votesOf(objects []string) (map[string]access.Votes, error) {
	out := map[string]access.Votes{}
	err := eachPart(objects, func(part []string) error {
		var rows []voteRow
		if err := tx.db.Where("object IN ?", part).Order(voteOrder).Find(&rows).Error; err != nil {
			return tx.fail("votes", err)
		}
		for _, r := range rows {
			out[r.Object] = append(out[r.Object], r.vote())
		}
		return nil
	})
	return out, err
}

// saveVotes makes the votes about an object those of its move: new ones are
// added, a claim becomes the yes or no of its person, and one that is not there any
// more is released. It is an error to change what was said. Votes of which the
// move knows nothing stay.
func (tx *Tx) saveVotes(tenant access.TenantID, object string, owner access.PersonID, votes access.Votes) error {
	stored, err := tx.votesOf([]string{object})
	if err != nil {
		return err
	}
	same := func(a access.Vote) func(access.Vote) bool {
		return func(b access.Vote) bool {
			return a.Round == b.Round && a.Stage == b.Stage && a.Part == b.Part && a.Person == b.Person
		}
	}
	for _, was := range stored[object] {
		i := slices.IndexFunc(votes, same(was))
		switch {
		case i >= 0 && was.Said() && !equalVotes(was, votes[i]):
			return fmt.Errorf("votes about %s: what %s said in round %d, stage %d does not change", object, was.Person, was.Round, was.Stage)
		case was.Said(), i >= 0 && equalVotes(was, votes[i]):
			continue
		}
		if err := tx.db.Where("object = ? AND round = ? AND stage = ? AND part = ? AND person = ?", object, was.Round, was.Stage, string(was.Part), string(was.Person)).
			Delete(&voteRow{}).Error; err != nil {
			return tx.fail("release a claim", err)
		}
	}
	for _, v := range votes {
		if i := slices.IndexFunc(stored[object], same(v)); i >= 0 && equalVotes(stored[object][i], v) {
			continue
		}
		row := voteRow{Tenant: string(tenant), Object: object, Owner: string(owner), Round: v.Round, Stage: v.Stage, Part: string(v.Part), Person: string(v.Person),
			Verdict: string(v.Verdict), At: stamp(v.At), Reason: v.Reason, Conditions: v.Conditions, Alternative: v.Alternative, AltText: v.AltText, EndsAt: stamp(v.End)}
		if err := tx.db.Create(&row).Error; err != nil {
			return tx.fail("vote", err)
		}
	}
	return nil
}

// decidedAt walks from the newest vote to the first whose request's review it ended.
// What is asked of the request is asked of each vote by itself: a plan that began
// with the requests would begin with all of them.
var decidedAt = say(`SELECT v.at FROM votes v WHERE v.tenant = ? AND v.stage > 0 AND v.verdict IN ('` + string(access.Yes) + `', '` + string(access.No) + `')
	AND v.object >= 'req_' AND v.object < 'req` + "`" + `'
	AND (SELECT r.state FROM requests r WHERE r.tenant = v.tenant AND r.id = v.object AND r.round = v.round)
		IN ('` + string(access.Approved) + `', '` + string(access.Denied) + `', '` + string(access.Fulfilled) + `')
	ORDER BY v.at DESC LIMIT 1`)

// LastDecision is when the newest decision fell about a request of the tenant that
// is approved, fulfilled or denied; zero where there is none.
func (tx *Tx) LastDecision(tenant access.TenantID) (time.Time, error) {
	var at moment
	err := tx.plain.each(tx.ctx, decidedAt, []any{string(tenant)}, func(row scanner) error { return row.Scan(&at) })
	return at.time(), tx.fail("last decision", err)
}

// equalVotes compares as the databases keep times.
func equalVotes(a, b access.Vote) bool {
	sameTimes := stamp(a.At).time().Equal(stamp(b.At).time()) && stamp(a.End).time().Equal(stamp(b.End).time())
	a.At, a.End = b.At, b.End
	return sameTimes && a == b
}
