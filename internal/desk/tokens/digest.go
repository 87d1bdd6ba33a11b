package tokens

import (
	"regexp"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// ShardPrefix is what hosted Canvas puts before a value.
var ShardPrefix = regexp.MustCompile(`^[0-9]{1,20}~`)

// digest is the keyed hash that is kept of a token's value. The shard prefix is
// left out: people paste values with and without it.
func (co *Collecting) digest(value secret.Text) []byte {
	return co.desk.Box.MAC(LeakPurpose, []byte(ShardPrefix.ReplaceAllString(value.Reveal(), "")))
}
