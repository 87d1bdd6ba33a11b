package notices

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// dataFacts tell which data a request is about, in the words of the school's own
// questions where the program has none.
func (ns *Notices) dataFacts(tx *store.Tx, r access.Request, f *notify.Facts) error {
	pol, err := ns.desk.ShownPolicy(desk.PolicyOf(tx, r))
	if err != nil {
		return err
	}
	f.DataKinds = r.Answers.All(policy.KeyData)
	q, asked := pol.Question(policy.KeyData)
	f.DataUntold = len(f.DataKinds) == 0 && !(asked && q.Required)
	for _, o := range q.Options {
		if o.Label == nil {
			continue
		}
		if f.DataWords == nil {
			f.DataWords = map[string]notify.Words{}
		}
		f.DataWords[o.Key] = notify.Words(o.Label)
	}
	return nil
}
