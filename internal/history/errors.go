package history

import "fmt"

// LockedError says that another process has the history open for writing.
type LockedError struct {
	// Path is the file that it holds locked.
	Path string
	// PID is that process, 0 where it is not known.
	PID int
}

// Error names the file and its holder.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("%s is held by %s: one agent at a time keeps a history there", e.Path, holder)
}

// NewerSchemaError says that a newer version of the program wrote the file,
// which is left as it is.
type NewerSchemaError struct {
	Path string
	// Schema is what the file says it is, Newest what can be read.
	Schema, Newest int
}

// Error names both schemas.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("%s has schema %d and %d is the newest known: a newer tcpdoctor wrote it", e.Path, e.Schema, e.Newest)
}

// MovedAsideError says that a damaged file was put aside, so that a new one
// could be begun. It is told by [Store.MovedAside], and fails nothing.
type MovedAsideError struct {
	// Path is the file, Aside its new name.
	Path, Aside string
	// Err says what is wrong with it.
	Err error
}

// Error says what was wrong and where it is now.
func (e *MovedAsideError) Error() string {
	return fmt.Sprintf("%s could not be used and is now %s; a new history was begun: %v", e.Path, e.Aside, e.Err)
}

// Unwrap returns what is wrong with the file.
func (e *MovedAsideError) Unwrap() error { return e.Err }
