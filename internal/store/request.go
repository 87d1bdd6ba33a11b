package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/policy"
)

type requestRow struct {
	ID            string `gorm:"primaryKey"`
	Tenant        string
	Number        int
	Version       int
	State         string
	Open          bool
	Stage         int
	Round         int
	Requester     string
	Affiliation   string
	CourseID      string
	CourseName    string
	CourseCode    string
	Answers       string
	Purpose       string
	Maker         string
	AI            string `gorm:"column:ai"`
	Search        string
	Sponsor       ref
	SponsorLost   string
	PolicyVersion int
	RulesVersion  string
	Asked         moment
	EndsAt        moment
	EndCause      string
	CreatedAt     moment
	UpdatedAt     moment
	SubmittedAt   moment
	SponsorDue    moment
	ReviewSince   moment
	ReviewDue     moment
	CollectBy     moment
	ClosedAt      moment
	EndedBy       ref
	Remark        string
	RefiledFrom   ref
	Renews        ref
	Since         moment
	Adopts        ref
	Vendor        string
	ReturnedWhy   string
}

func (requestRow) TableName() string { return "requests" }

// neverChange are the columns of a request and of a grant that no move writes.
var neverChange = []string{"id", "tenant", "requester", "request_id", "owner", "created_at"}

func rowOfRequest(r access.Request) (requestRow, error) {
	if err := known("request", r.ID, r.State); err != nil {
		return requestRow{}, err
	}
	answers, err := json.Marshal(r.Answers)
	if err != nil {
		return requestRow{}, fmt.Errorf("request %s: answers: %w", r.ID, err)
	}
	return requestRow{
		ID: r.ID, Tenant: string(r.Tenant), Number: r.Number, Version: r.Version, State: string(r.State),
		Open: r.State.Open(), Stage: r.Stage, Round: r.Round,
		Requester: string(r.Requester), Affiliation: string(r.Affiliation),
		CourseID: r.Course.ID, CourseName: r.Course.Name, CourseCode: r.Course.Code,
		Answers: string(answers), Purpose: r.Answers.Text(policy.KeyPurpose), Maker: r.Answers.Text(policy.KeyMaker), AI: r.Answers.Text(policy.KeyAI), Search: searchText(r),
		Sponsor: ref(r.Sponsor), SponsorLost: r.SponsorLost, PolicyVersion: r.PolicyVersion, RulesVersion: r.RulesVersion,
		Asked: stamp(r.Asked), EndsAt: stamp(r.End), EndCause: string(r.EndCause),
		CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt), SubmittedAt: stamp(r.SubmittedAt), SponsorDue: stamp(r.SponsorDue),
		ReviewSince: stamp(r.ReviewSince), ReviewDue: stamp(r.ReviewDue), EndedBy: ref(r.EndedBy), Remark: r.Remark,
		CollectBy: stamp(r.CollectBy), ClosedAt: stamp(r.ClosedAt), RefiledFrom: ref(r.RefiledFrom),
		Renews: ref(r.Renews), Since: stamp(r.Since), Adopts: ref(r.Adopts), ReturnedWhy: r.ReturnedWhy,
		Vendor: strings.ToLower(r.Answers.Text(policy.KeyMakerName)),
	}, nil
}

func (r requestRow) request() (access.Request, error) {
	out := access.Request{
		ID: r.ID, Tenant: access.TenantID(r.Tenant), Number: r.Number, Version: r.Version, State: access.RequestState(r.State),
		Stage: r.Stage, Round: r.Round,
		Requester: access.PersonID(r.Requester), Affiliation: policy.Affiliation(r.Affiliation),
		Course:  access.Course{ID: r.CourseID, Name: r.CourseName, Code: r.CourseCode},
		Sponsor: access.PersonID(r.Sponsor), SponsorLost: r.SponsorLost, PolicyVersion: r.PolicyVersion, RulesVersion: r.RulesVersion,
		Asked: r.Asked.time(), End: r.EndsAt.time(), EndCause: policy.EndCause(r.EndCause),
		CreatedAt: r.CreatedAt.time(), UpdatedAt: r.UpdatedAt.time(), SubmittedAt: r.SubmittedAt.time(), SponsorDue: r.SponsorDue.time(),
		ReviewSince: r.ReviewSince.time(), ReviewDue: r.ReviewDue.time(), EndedBy: access.PersonID(r.EndedBy), Remark: r.Remark,
		CollectBy: r.CollectBy.time(), ClosedAt: r.ClosedAt.time(), RefiledFrom: string(r.RefiledFrom),
		Renews: string(r.Renews), Since: r.Since.time(), Adopts: string(r.Adopts), ReturnedWhy: r.ReturnedWhy,
	}
	if !out.State.Known() {
		return access.Request{}, unknown("request", r.ID, r.State)
	}
	if err := json.Unmarshal([]byte(r.Answers), &out.Answers); err != nil {
		return access.Request{}, fmt.Errorf("request %s: answers: %w", r.ID, err)
	}
	return out, nil
}

// unknown is a state of which this program does not know what may follow.
func unknown(what, id, state string) error {
	return fmt.Errorf("%s %s is %q, a state that this program does not know", what, id, state)
}

// known refuses to write a state of which this program does not know what may
// follow.
func known[S interface {
	~string
	Known() bool
}](what, id string, state S) error {
	if state.Known() {
		return nil
	}
	return unknown(what, id, string(state))
}

// requests reads rows with the votes about them.
func (tx *Tx) requests(rows []requestRow) ([]access.Request, error) {
	out, err := convert(rows, requestRow.request)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range out {
		if r.State != access.Draft && r.State != access.Discarded { // nobody votes on those
			ids = append(ids, r.ID)
		}
	}
	votes, err := tx.votesOf(ids)
	for i := range out {
		out[i].Votes = votes[out[i].ID]
	}
	return out, err
}

// searchText is what RequestQuery.Search looks through, besides people's names.
func searchText(r access.Request) string {
	a := r.Answers
	return strings.ToLower(strings.Join([]string{r.Code(), a.Text(policy.KeyBuild), a.Text(policy.KeyMakerName), a.Text(policy.KeyAIService), r.Course.Name, r.Course.Code}, "\n"))
}

// CreateRequest adds a request at version 1, its event, which comes from no
// state, and jobs.
func (tx *Tx) CreateRequest(r access.Request, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("create request"); err != nil {
		return err
	}
	if r.Version != 1 || told.From != "" {
		return fmt.Errorf("create request %s: %w", r.ID, errFromNothing)
	}
	if err := checkMove(r.ID, string(r.State), r.Version, told); err != nil {
		return err
	}
	row, err := rowOfRequest(r)
	if err != nil {
		return err
	}
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("create request", err)
	}
	if err := tx.saveVotes(r.Tenant, r.ID, r.Requester, r.Votes); err != nil {
		return err
	}
	return tx.follow(r.Tenant, told, d, todo)
}

// MoveRequest writes every column of a request that is at version r.Version-1 in
// state told.From, its votes, its event, and jobs. If somebody else moved it first,
// it is access.ErrConflict and nothing happens. An event that does not tell of this
// very move is an error.
func (tx *Tx) MoveRequest(r access.Request, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("move request"); err != nil {
		return err
	}
	if err := checkMove(r.ID, string(r.State), r.Version, told); err != nil {
		return err
	}
	row, err := rowOfRequest(r)
	if err != nil {
		return err
	}
	res := tx.db.Model(&requestRow{}).Where("tenant = ? AND id = ? AND version = ? AND state = ?", row.Tenant, row.ID, r.Version-1, told.From).
		Select("*").Omit(neverChange...).Updates(&row)
	if res.Error != nil {
		return tx.fail("move request", res.Error)
	}
	if res.RowsAffected != 1 {
		return tx.notMoved(&requestRow{}, string(r.Tenant), r.ID, r.Version, told.From)
	}
	if err := tx.saveVotes(r.Tenant, r.ID, r.Requester, r.Votes); err != nil {
		return err
	}
	return tx.follow(r.Tenant, told, d, todo)
}

// notMoved says why a guarded update met no row.
func (tx *Tx) notMoved(model any, tenant, id string, version int, from string) error {
	var at struct {
		Version int
		State   string
	}
	err := tx.db.Model(model).Select("version", "state").Where("tenant = ? AND id = ?", tenant, id).Take(&at).Error
	switch {
	case err != nil:
		return tx.fail("move "+id, err)
	case at.Version != version-1:
		return lost(fmt.Sprintf("move %s to version %d", id, version))
	}
	return fmt.Errorf("audit of %s tells of a move from %q; it is %q", id, from, at.State)
}

// follow tells of a change and adds the work that comes after it.
func (tx *Tx) follow(tenant access.TenantID, told audit.Event, d *audit.Detail, todo []jobs.Insert) error {
	if err := tx.tell(tenant, told, d); err != nil {
		return err
	}
	for _, i := range todo {
		if i.RunAt.IsZero() {
			i.RunAt = told.At
		}
		if i.Tenant == "" {
			i.Tenant = string(tenant)
		}
		if err := tx.insertJob(i, told.At); err != nil {
			return err
		}
	}
	return nil
}

// draftColumns are what saving a draft writes.
var draftColumns = []string{"affiliation", "course_id", "course_name", "course_code", "answers", "purpose", "maker", "ai",
	"search", "sponsor", "policy_version", "rules_version", "asked", "ends_at", "end_cause", "updated_at"}

// SaveDraft writes the answers and what was computed from them, without raising
// the version and without an event. It is access.ErrConflict unless the stored
// request is a draft at r.Version that was not changed after r.UpdatedAt.
func (tx *Tx) SaveDraft(r access.Request) error {
	if err := tx.may("save draft"); err != nil {
		return err
	}
	row, err := rowOfRequest(r)
	if err != nil {
		return err
	}
	res := tx.db.Model(&requestRow{}).
		Where("tenant = ? AND id = ? AND version = ? AND state = ? AND updated_at <= ?", row.Tenant, row.ID, row.Version,
			string(access.Draft), row.UpdatedAt).
		Select(draftColumns).Updates(&row)
	if res.Error != nil {
		return tx.fail("save draft", res.Error)
	}
	if res.RowsAffected != 1 {
		if _, err := tx.Request(r.Tenant, r.ID); err != nil {
			return err
		}
		return lost("save draft " + r.ID)
	}
	return nil
}

// Request returns a request of the tenant, locked inside InTx, or
// access.ErrNotFound.
func (tx *Tx) Request(tenant access.TenantID, id string) (access.Request, error) {
	return tx.oneRequest("tenant = ? AND id = ?", string(tenant), id)
}

// RequestByNumber returns the request with a display number, as Request does.
// Drafts have none.
func (tx *Tx) RequestByNumber(tenant access.TenantID, n int) (access.Request, error) {
	return tx.oneRequest("tenant = ? AND number = ? AND number > 0", string(tenant), n)
}

func (tx *Tx) oneRequest(where string, args ...any) (access.Request, error) {
	var row requestRow
	if err := tx.locked().Where(where, args...).Take(&row).Error; err != nil {
		return access.Request{}, tx.fail("request", err)
	}
	one, err := tx.requests([]requestRow{row})
	if err != nil {
		return access.Request{}, err
	}
	return one[0], nil
}
