package tokens

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// CollectStage says what the collect page shows.
type CollectStage string

// The stages.
const (
	StageReady      CollectStage = "ready"      // Create my token
	StageSecret     CollectStage = "secret"     // the one page with the value
	StageShown      CollectStage = "shown"      // it was shown before; wait for activation, lost, leak
	StageActive     CollectStage = "active"     // done
	StageCreating   CollectStage = "creating"   // another press is being served
	StageRecovering CollectStage = "recovering" // Canvas did not answer clearly
	StageReplacing  CollectStage = "replacing"  // the old one is going; then Create again
	StageOver       CollectStage = "over"       // nothing to collect any more
)

// Collection is the collect page.
type Collection struct {
	cases.Case
	Stage CollectStage
	// Value is set only in StageSecret, once, by Collect.
	Value secret.Text
	// Trouble is a message key for why the last try ended, "" when it did not;
	// a number it speaks of follows behind a colon.
	Trouble string
	// CanReplace: "I lost it" would work now.
	CanReplace bool
	ReplaceWhy access.Why // why not
	Ends       time.Time  // the end the token would have, or has
	// Again: the value had been shown before and somebody asked for it again.
	Again bool
}
