package notify

import (
	"context"
	"fmt"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

// Inbox sends messages to the Canvas inbox. They appear as from the user of the
// client's credential.
type Inbox struct {
	Client *canvas.Client
}

// Name returns "inbox".
func (Inbox) Name() string { return "inbox" }

// Server returns the inbox of that platform's Canvas.
func (Inbox) Server(platform string) string { return "inbox/" + platform }

// Send starts a conversation with the person. For a message that may have been
// sent before it first looks whether it was, by subject and reference.
func (i Inbox) Send(ctx context.Context, m Message) error {
	if m.To.CanvasUserID == "" {
		return permanent("inbox: %w", ErrNoAddress)
	}
	if m.Resend {
		sent, err := i.Client.FindSent(ctx, canvas.Sent{To: m.To.CanvasUserID, Subject: m.Subject, Marker: m.Reference()})
		if err != nil {
			return fmt.Errorf("inbox: %w", err)
		}
		if sent {
			return nil
		}
	}
	_, err := i.Client.SendMessage(ctx, canvas.Message{To: m.To.CanvasUserID, Subject: m.Subject, Body: m.Text})
	if err == nil {
		return nil
	}
	if refused(err) {
		return permanent("inbox: %w", err)
	}
	return fmt.Errorf("inbox: %w", err)
}

// refused reports whether Canvas will never take this message for this person.
// Its wish for another User-Agent is about us, and gets mended.
func refused(err error) bool {
	switch canvas.KindOf(err) {
	case canvas.Invalid, canvas.NotFound:
		return !canvas.HasReason(err, canvas.ReasonUserAgent)
	}
	return false
}
