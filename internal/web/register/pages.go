// Package register is the answer to the link by which Canvas registers the tool.
package register

import (
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// PageRegister is the page of this subject, by name.
const PageRegister = "register"

// Pages are the pages of this subject.
type Pages struct{ registerTool Func }

// New makes the pages of this subject.
func New(register Func) *Pages { return &Pages{registerTool: register} }

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{{Page: PageRegister, File: "register/register", Of: Page{}}}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	for _, k := range operate.TodoKinds {
		out = append(out, todoKey(k))
	}
	for why := range RefusalStatus {
		out = append(out, registrationKey(why)+".cause", registrationKey(why)+".step")
	}
	return out
}

// Routes implements ui.Room.
func (p *Pages) Routes(r *ui.Routes) { r.Open("/lti/register", p.register) }
