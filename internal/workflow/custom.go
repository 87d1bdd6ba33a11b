package workflow

// CustomFields are the LTI custom parameters by which Admit knows a person and
// their rights, name → Canvas variable (doc/api in canvas-lms,
// "tools_variable_substitutions"). Pages add those that they look by.
//
// They count only in a launch whose resource_link.id is its context.id, because
// anybody who may create a resource link in a course can set any of them there.
var CustomFields = map[string]string{
	CustomUser:        "$Canvas.user.id",
	customCourse:      "$Canvas.course.id",
	customRootAdmin:   "$Canvas.user.isRootAccountAdmin",
	customPermissions: "$Canvas.membership.permissions<create_access_tokens>",
	customActing:      literalActing,
	customStudentView: "$com.instructure.User.student_view",
	customTimeZone:    "$Person.address.timezone",
}

// CustomUser is the parameter with the person's numeric Canvas id.
const CustomUser = "canvas_user_id"

const (
	customCourse      = "canvas_course_id"
	customRootAdmin   = "is_root_admin"
	customPermissions = "permissions"
	customActing      = "acting_user_id"
	customStudentView = "student_view"
	customTimeZone    = "time_zone"

	// literalActing is what Canvas sends back untouched when nobody acts as
	// somebody else (lib/lti/variable_expander.rb).
	literalActing = "$Canvas.masqueradingUser.id"

	// permCreate is the Canvas permission that makes a person a reviewer.
	permCreate = "create_access_tokens"
	permDelete = "delete_access_tokens"
	permView   = "view_user_generated_access_tokens"
)
