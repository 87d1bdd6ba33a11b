// Package audit is the record of what was done: the event, the closed list of
// actions, the hash chain over them and its verifier. It is pure; the store
// writes events in the transaction of the change they tell of.
//
// The chain covers ids, action, states and time, and a salted digest of the
// details. Names and free text live only in the details, beside the event, so
// that they can be erased while the chain still verifies.
package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action names what was done. The list is closed: Known refuses others.
type Action string

// The actions.
const (
	RequestCreate        Action = "request.create"
	RequestSubmit        Action = "request.submit"
	RequestDiscard       Action = "request.discard"
	RequestWithdraw      Action = "request.withdraw"
	RequestEndorse       Action = "request.endorse"
	RequestDecline       Action = "request.decline"
	RequestChooseSponsor Action = "request.choose_sponsor"
	RequestLoseSponsor   Action = "request.lose_sponsor"
	RequestClaim         Action = "request.claim"
	RequestRelease       Action = "request.release"
	RequestApprove       Action = "request.approve"
	RequestDeny          Action = "request.deny"
	RequestRescind       Action = "request.rescind"
	RequestEndSponsor    Action = "request.end_sponsorship"
	RequestLapse         Action = "request.lapse"
	RequestReturn        Action = "request.return"
	RequestMigrate       Action = "request.migrate" // a new version of the program names its state otherwise
	RequestCollect       Action = "request.collect"
	RequestMintFailed    Action = "request.mint_failed"
	RequestHandOver      Action = "request.hand_over"
	RequestRefile        Action = "request.refile"
	RequestAdopt         Action = "request.adopt"

	GrantCreate     Action = "grant.create"
	GrantMint       Action = "grant.mint"
	GrantDoubt      Action = "grant.doubt"
	GrantShown      Action = "grant.shown"
	GrantGiveUp     Action = "grant.give_up"
	GrantStepBack   Action = "grant.step_back"
	GrantSeenActive Action = "grant.seen_active"
	GrantReplace    Action = "grant.replace"
	GrantRevoke     Action = "grant.revoke"
	GrantGone       Action = "grant.gone"
	GrantShownAgain Action = "grant.shown_again" // a reveal tried again; nothing was shown
	GrantStray      Action = "grant.stray_deleted"
	GrantObserved   Action = "grant.observed" // Canvas answered something new about the token

	GrantReportLeak  Action = "grant.report_leak"
	GrantFreeze      Action = "grant.freeze"
	GrantFroze       Action = "grant.froze"
	GrantStayOn      Action = "grant.stay_on"
	GrantThaw        Action = "grant.thaw"
	GrantDrifted     Action = "grant.drifted"
	GrantFollow      Action = "grant.follow"
	GrantRetire      Action = "grant.retire"
	GrantMoveEnd     Action = "grant.move_end"
	GrantLoseSponsor Action = "grant.lose_sponsor"
	GrantEndSponsor  Action = "grant.end_sponsorship"
	GrantNameSponsor Action = "grant.name_sponsor"
	GrantTakeOver    Action = "grant.take_over"
	GrantTurnDown    Action = "grant.turn_down"

	IncidentOpen  Action = "incident.open"
	IncidentClear Action = "incident.clear"
	IncidentSeen  Action = "incident.seen" // where the token was seen; only in the details
	LeakIntake    Action = "leak.intake"   // a suspected token was pasted; the details say what came of it

	FoundDiscover  Action = "found.discover"
	FoundTellOwner Action = "found.tell_owner"
	FoundAskToKeep Action = "found.ask_to_keep"
	FoundAdopt     Action = "found.adopt"
	FoundAllow     Action = "found.allow"
	FoundDisallow  Action = "found.disallow"
	FoundReopen    Action = "found.reopen"
	FoundRemove    Action = "found.remove"
	FoundGone      Action = "found.gone"
	FoundVanish    Action = "found.vanish"

	InventoryStart Action = "inventory.start"
	InventoryEnd   Action = "inventory.end" // the details say how it ended, and with what counts
	CampaignStart  Action = "campaign.start"

	MassPlan   Action = "mass.plan"
	MassStart  Action = "mass.start"
	MassFinish Action = "mass.finish"

	Refused        Action = "refused" // an attempt that was refused
	PlatformAdd    Action = "platform.add"
	PlatformChange Action = "platform.change"
	PersonLink     Action = "person.link"  // a launch identity joined to a Canvas user, proven by API
	PersonMerge    Action = "person.merge" // Canvas merged two accounts: the two are one person from here on
	CapLearned     Action = "policy.cap_learned"
	PolicyPublish  Action = "policy.publish" // a version of the school's policy; the object is the tenant
	NoticeFailed   Action = "notice.failed"
	KeyRotate      Action = "key.rotate" // the tool's own LTI signing key; in every school's log
)

var known = []Action{
	RequestCreate, RequestSubmit, RequestDiscard, RequestWithdraw, RequestEndorse, RequestDecline, RequestChooseSponsor,
	RequestLoseSponsor, RequestClaim, RequestRelease, RequestApprove, RequestDeny, RequestRescind, RequestEndSponsor, RequestLapse,
	RequestReturn, RequestMigrate, RequestCollect, RequestMintFailed, RequestHandOver, RequestRefile,
	GrantCreate, GrantMint, GrantDoubt, GrantShown, GrantGiveUp, GrantStepBack, GrantSeenActive, GrantReplace,
	GrantRevoke, GrantGone, GrantShownAgain, GrantStray, GrantObserved,
	RequestAdopt, GrantReportLeak, GrantFreeze, GrantFroze, GrantStayOn, GrantThaw, GrantDrifted, GrantFollow, GrantRetire, GrantMoveEnd,
	GrantLoseSponsor, GrantEndSponsor, GrantNameSponsor, GrantTakeOver, GrantTurnDown,
	IncidentOpen, IncidentClear, IncidentSeen, LeakIntake,
	FoundDiscover, FoundTellOwner, FoundAskToKeep, FoundAdopt, FoundAllow, FoundDisallow, FoundReopen, FoundRemove, FoundGone, FoundVanish,
	InventoryStart, InventoryEnd, CampaignStart, MassPlan, MassStart, MassFinish,
	Refused, PlatformAdd, PlatformChange, PersonLink, PersonMerge, CapLearned, PolicyPublish, NoticeFailed, KeyRotate,
}

// Actions are all that are known.
func Actions() []Action { return slices.Clone(known) }

// Known reports whether a is on the list.
func (a Action) Known() bool { return listed[a] }

var listed = func() map[Action]bool {
	all := make(map[Action]bool, len(known))
	for _, a := range known {
		all[a] = true
	}
	return all
}()

// Event is one entry of one tenant's log.
type Event struct {
	Seq     int64     `json:"seq"` // 1, 2, 3 … without a gap, per tenant
	ID      string    `json:"id"`  // aud_…
	Tenant  string    `json:"tenant"`
	At      time.Time `json:"at"`    // UTC, whole microseconds
	Actor   string    `json:"actor"` // per_…, "system", or "operator:<os user>"
	Action  Action    `json:"action"`
	Object  string    `json:"object"` // req_…, grt_…, …
	From    string    `json:"from,omitempty"`
	To      string    `json:"to,omitempty"`
	Version int       `json:"version,omitempty"` // of the object, after the action
	Related string    `json:"related,omitempty"` // the other object, for finding from both sides
	// DetailSum is the salted digest of the details; empty when there are none.
	DetailSum []byte `json:"detail_sum,omitempty"`
	Prev      []byte `json:"prev"`
	Hash      []byte `json:"hash"`
}

// Detail is what stands beside an event and may be erased: names, reasons,
// addresses. Never a secret.
type Detail struct {
	Salt []byte            `json:"salt"`
	Data map[string]string `json:"data"`
}

// NewDetail salts a copy of data, in which bytes that are not UTF-8 are
// replaced: they would not survive JSON, and so the digest would not. It returns
// nil when there is nothing to tell.
func NewDetail(data map[string]string) *Detail {
	if len(data) == 0 {
		return nil
	}
	valid := make(map[string]string, len(data))
	for k, v := range data {
		valid[strings.ToValidUTF8(k, "\uFFFD")] = strings.ToValidUTF8(v, "\uFFFD")
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails: it ends the program instead
	return &Detail{Salt: salt, Data: valid}
}

// Sum is the salted digest that the chain covers.
func (d *Detail) Sum() []byte {
	if d == nil {
		return nil
	}
	body, _ := json.Marshal(d.Data) // a map of strings always marshals, keys sorted
	sum := sha256.Sum256(putBytes(putBytes(nil, d.Salt), body))
	return sum[:]
}

// Genesis is the Prev of a tenant's first event.
func Genesis(tenant string) []byte {
	s := sha256.Sum256([]byte("tokendesk audit 1\x00" + tenant))
	return s[:]
}

// Seal numbers e after the event whose sequence and hash are given, and sets
// its DetailSum, Prev and Hash.
func Seal(e Event, seq int64, prev []byte, d *Detail) Event {
	e.Seq, e.Prev, e.DetailSum = seq, prev, d.Sum()
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Hash = e.sum()
	return e
}

func (e Event) sum() []byte {
	sum := sha256.Sum256(putEvent(nil, e.Prev, e.Seq, [...]string{e.ID, e.Tenant, e.Actor, string(e.Action), e.Object, e.From, e.To, e.Related},
		e.At.UnixMicro(), int64(e.Version), e.DetailSum))
	return sum[:]
}

// putEvent appends what the hash of an event is made of. Its texts are id, tenant,
// actor, action, object, from, to and related.
func putEvent[T string | []byte](to, prev []byte, seq int64, texts [8]T, at, version int64, detailSum []byte) []byte {
	to = putNumber(putBytes(to, prev), seq)
	for _, text := range texts {
		to = putBytes(to, text)
	}
	return putBytes(putNumber(putNumber(to, at), version), detailSum)
}

func putNumber(to []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(to, uint64(v)) //nolint:gosec // the bits are what is hashed
}

// putBytes appends a field behind its length, so that no two lists of fields hash alike.
func putBytes[T string | []byte](to []byte, field T) []byte {
	return append(binary.BigEndian.AppendUint64(to, uint64(len(field))), field...)
}

// BreakError says where a chain breaks. Nothing from Seq on is proven.
type BreakError struct {
	Tenant string
	Seq    int64
	What   string
}

func (e *BreakError) Error() string {
	return fmt.Sprintf("the chain of %s breaks at entry %d: %s", e.Tenant, e.Seq, e.What)
}

// Chain verifies the events of one tenant, given in order.
type Chain struct {
	tenant string
	seq    int64
	prev   []byte
	own    [sha256.Size]byte // room for prev
}

// NewChain starts at the tenant's first event.
func NewChain(tenant string) *Chain { return &Chain{tenant: tenant, prev: Genesis(tenant)} }

// Seq and Head tell how far the chain is proven.
func (c *Chain) Seq() int64 { return c.seq }

// Head is the hash of the last proven event, in hex.
func (c *Chain) Head() string { return hex.EncodeToString(c.prev) }

// Add checks the next event, and its details unless they were erased (nil).
func (c *Chain) Add(e Event, d *Detail) error {
	broken := func(what string) error { return &BreakError{Tenant: c.tenant, Seq: c.seq + 1, What: what} }
	switch {
	case e.Tenant != c.tenant:
		return broken("an entry of another tenant")
	case e.Seq != c.seq+1:
		return broken(fmt.Sprintf("entry %d follows entry %d", e.Seq, c.seq))
	case !bytes.Equal(e.Prev, c.prev):
		return broken("it does not continue the entry before it")
	case !e.Action.Known():
		return broken("an unknown action")
	case !e.At.Equal(e.At.Truncate(time.Microsecond)):
		return broken("a time finer than the chain covers")
	case !bytes.Equal(e.Hash, e.sum()):
		return broken("its contents do not match its hash")
	case d != nil && !bytes.Equal(d.Sum(), e.DetailSum):
		return broken("its details do not match their digest")
	}
	c.seq, c.prev = e.Seq, e.Hash
	return nil
}

// ErrUnordered: events of one object that no lifecycle can have produced.
var ErrUnordered = errors.New("versions out of order")

// Replay rebuilds (state, version) of every object from events in order.
func Replay(events []Event) (map[string]Place, error) {
	at := map[string]Place{}
	for _, e := range events {
		if e.To == "" || e.Version == 0 {
			continue
		}
		was, ok := at[e.Object]
		if (ok && (was.Version+1 != e.Version || was.State != e.From)) || (!ok && (e.Version != 1 || e.From != "")) {
			return nil, fmt.Errorf("%s at entry %d: %w", e.Object, e.Seq, ErrUnordered)
		}
		at[e.Object] = Place{State: e.To, Version: e.Version}
	}
	return at, nil
}

// Place is where an object stands.
type Place struct {
	State   string
	Version int
}
