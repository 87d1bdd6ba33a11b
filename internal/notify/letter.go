package notify

// letter says which parts a message has; the words of each are in the
// catalogue.
type letter struct {
	code    bool     // the subject ends with the request's code
	details []detail // facts listed by label
	reason  must     // the reason, quoted
	instead must     // the alternative, quoted
	link    string   // label of the link to Tokendesk; "" = none
	setup   bool     // also a link to the settings in Canvas
	steps   int
	rows    bool
	ics     bool
	why     string // why the person gets it
}

// must says whether a quotation is part of a letter.
type must int

const (
	never must = iota
	ifGiven
	always
)

// detail is a fact that is listed by its label.
type detail string

const (
	detailRequest  detail = "request"
	detailData     detail = "data"
	detailEnd      detail = "end"
	detailLastUsed detail = "last_used"
)

var (
	aboutRequest = []detail{detailRequest}
	aboutAsk     = []detail{detailRequest, detailData, detailEnd}
	aboutGrant   = []detail{detailRequest, detailEnd}
	aboutToken   = []detail{detailRequest, detailEnd, detailLastUsed}
)

// letters is every message that there is. A pair of kind and audience that is
// not here does not exist.
var letters = map[Kind]map[Audience]letter{
	AskedToSponsor:  {AsSponsor: {code: true, details: aboutAsk, link: "request", why: "sponsor"}},
	SponsorReminder: {AsSponsor: {code: true, details: aboutAsk, link: "request", why: "sponsor"}},
	SponsorSaidYes:  {AsRequester: {code: true, details: aboutRequest, link: "request", why: "requester"}},
	SponsorSaidNo:   {AsRequester: {code: true, details: aboutRequest, reason: always, link: "request", why: "requester"}},
	SponsorNeeded:   {AsRequester: {code: true, details: aboutRequest, link: "request", why: "requester"}},

	ReviewersWaiting: {AsReviewer: {rows: true, link: "queue", why: "reviewer"}},

	Approved: {
		AsRequester: {code: true, details: aboutGrant, link: "request", why: "requester"},
		AsSponsor:   {code: true, details: aboutGrant, link: "request", why: "sponsor"},
	},
	CollectReminder: {AsRequester: {code: true, details: aboutGrant, link: "request", why: "requester"}},
	Denied: {
		AsRequester: {code: true, details: aboutRequest, reason: always, instead: ifGiven, link: "request", why: "requester"},
		AsSponsor:   {code: true, details: aboutRequest, reason: always, instead: ifGiven, link: "request", why: "sponsor"},
	},
	Rescinded: {
		AsRequester: {code: true, details: aboutRequest, reason: always, link: "request", why: "requester"},
		AsSponsor:   {code: true, details: aboutRequest, reason: always, link: "request", why: "sponsor"},
	},
	Withdrawn: {
		AsRequester: {code: true, details: aboutRequest, link: "request", why: "requester"},
		AsSponsor:   {code: true, details: aboutRequest, link: "request", why: "sponsor"},
	},
	Lapsed: {
		AsRequester: {code: true, details: aboutRequest, link: "again", why: "requester"},
		AsSponsor:   {code: true, details: aboutRequest, link: "request", why: "sponsor"},
	},

	ActivateReminder: {AsRequester: {details: aboutGrant, steps: 3, setup: true, link: "token", why: "owner"}},
	NeverActivated: {
		AsRequester: {code: true, details: aboutRequest, link: "again", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "request", why: "sponsor"},
	},
	SharedAgain: {AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"}},
	EndingSoon: {
		AsRequester: {details: aboutToken, link: "token", ics: true, why: "owner"},
		AsSponsor:   {details: aboutToken, link: "token", ics: true, why: "sponsor"},
	},
	Expired: {
		AsRequester: {code: true, details: aboutRequest, link: "again", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
	},
	Revoked: {
		AsRequester: {code: true, details: aboutRequest, reason: ifGiven, link: "token", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, reason: ifGiven, link: "token", why: "sponsor"},
	},
	Drifted: {
		AsRequester: {code: true, details: aboutGrant, link: "token", why: "owner"},
		AsReviewer:  {code: true, details: aboutGrant, link: "token", why: "reviewer"},
	},
	Altered: {
		AsRequester: {code: true, details: aboutRequest, link: "again", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
		AsReviewer:  {code: true, details: aboutRequest, link: "token", why: "reviewer"},
	},
	SponsorLeft: {
		AsRequester: {code: true, details: aboutRequest, reason: ifGiven, link: "request", why: "requester"},
		AsReviewer:  {code: true, details: aboutRequest, reason: ifGiven, link: "request", why: "reviewer"},
	},
	SponsorGone:     {AsRequester: {code: true, details: aboutGrant, reason: ifGiven, link: "token", why: "owner"}},
	AskedToTakeOver: {AsSponsor: {code: true, details: aboutAsk, link: "request", why: "sponsor"}},
	TookOver:        {AsRequester: {code: true, details: aboutGrant, link: "token", why: "owner"}},
	TurnedDown:      {AsRequester: {code: true, details: aboutGrant, link: "token", why: "owner"}},
	Retiring:        {AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"}},
	CourseOver: {
		AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
	},
	StillUsable: {
		AsRequester: {code: true, details: aboutRequest, link: "token", setup: true, why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
		AsReviewer:  {code: true, details: aboutRequest, link: "token", why: "reviewer"},
	},

	FoundTold:    {AsRequester: {rows: true, reason: ifGiven, link: "home", why: "owner"}},
	KeepProposed: {AsRequester: {rows: true, link: "home", why: "owner"}},
	Adopted: {
		AsRequester: {code: true, details: aboutGrant, link: "token", why: "owner"},
		AsSponsor:   {code: true, details: aboutGrant, link: "token", why: "sponsor"},
	},
	FoundRemoved: {AsRequester: {rows: true, reason: ifGiven, link: "home", why: "owner"}},
	FoundOverdue: {AsReviewer: {link: "unmanaged", why: "reviewer"}},
	AllowOver:    {AsReviewer: {rows: true, link: "unmanaged", why: "reviewer"}},
	LeakReported: {
		AsRequester: {code: true, details: aboutRequest, link: "token", setup: true, why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
		AsReviewer:  {code: true, details: aboutRequest, link: "leaks", why: "reviewer"},
	},
	LeakOfEnded: {
		AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
		AsReviewer:  {code: true, details: aboutRequest, link: "leaks", why: "reviewer"},
	},
	LeakDeleted: {
		AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, link: "token", why: "sponsor"},
		AsReviewer:  {code: true, details: aboutRequest, link: "leaks", why: "reviewer"},
	},
	LeakCleared: {AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"}},
	Frozen: {
		AsRequester: {code: true, details: aboutRequest, reason: always, link: "token", why: "owner"},
		AsSponsor:   {code: true, details: aboutRequest, reason: always, link: "token", why: "sponsor"},
	},
	Thawed: {AsRequester: {code: true, details: aboutRequest, link: "token", why: "owner"}},
	MassRevoked: {
		AsRequester: {reason: ifGiven, link: "home", why: "owners"},
		AsSponsor:   {reason: ifGiven, link: "home", why: "sponsors"},
	},
	MassDone: {AsReviewer: {reason: ifGiven, link: "mass", why: "reviewer"}},
}

// variant names the case in which parts of a letter have other words.
func variant(k Kind, f Facts) string {
	switch {
	case f.Case != "":
		return f.Case
	case f.Course == "" && (k == AskedToSponsor || k == SponsorReminder || k == SponsorNeeded || k == AskedToTakeOver || k == CourseOver):
		return "no_course" // the sponsor is a listed supervisor
	case k == Lapsed && f.Kept:
		return "kept"
	case k == Lapsed && f.NotCollected:
		return "uncollected"
	case k == SharedAgain && f.Replaced:
		return "replaced"
	case k == StillUsable && f.Listed:
		return "listed"
	case k == ReviewersWaiting && f.Overdue > 0:
		return "overdue"
	case f.ByOwner && (k == Revoked || ofLeak(k)):
		return "owner"
	case f.By == "" && (k == Revoked || ofLeak(k)):
		return "rule"
	case k == MassDone && f.Before > 0:
		return "before"
	}
	return ""
}

// ofLeak reports whether a message tells who reported a leak. Without a name it
// was recognised in a text that somebody found.
func ofLeak(k Kind) bool { return k == LeakReported || k == LeakOfEnded || k == LeakDeleted }
