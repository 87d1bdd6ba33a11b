package authority

// CustomFields are the LTI custom parameters by which Admit knows a person and
// their rights, name → Canvas variable (doc/api in canvas-lms,
// "tools_variable_substitutions"). Pages add those that they look by.
//
// They count only in a launch whose resource_link.id is its context.id, because
// anybody who may create a resource link in a course can set any of them there.
var CustomFields = map[string]string{
	CustomUser:        "$Canvas.user.id",
	CustomCourse:      "$Canvas.course.id",
	CustomRootAdmin:   "$Canvas.user.isRootAccountAdmin",
	CustomPermissions: "$Canvas.membership.permissions<create_access_tokens>",
	CustomActing:      LiteralActing,
	CustomStudentView: "$com.instructure.User.student_view",
	CustomTimeZone:    "$Person.address.timezone",
}

// CustomUser is the parameter with the person's numeric Canvas id.
const CustomUser = "canvas_user_id"

// The other parameters of a launch.
const (
	CustomCourse      = "canvas_course_id"
	CustomRootAdmin   = "is_root_admin"
	CustomPermissions = "permissions"
	CustomActing      = "acting_user_id"
	CustomStudentView = "student_view"
	CustomTimeZone    = "time_zone"

	// LiteralActing is what Canvas sends back untouched when nobody acts as
	// somebody else (lib/lti/variable_expander.rb).
	LiteralActing = "$Canvas.masqueradingUser.id"

	// PermCreate is the Canvas permission that makes a person a reviewer.
	PermCreate = "create_access_tokens"
	permDelete = "delete_access_tokens"
	permView   = "view_user_generated_access_tokens"
)
