// Package recorder keeps which operations of a client were called, and how they went.
package recorder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"
)

var contextType = reflect.TypeOf((*context.Context)(nil)).Elem()

// Recorder has a line of JSON for each operation at its end.
type Recorder struct {
	groups   map[string]reflect.Value
	outcomes map[string]string
	last     string
}

const notCalled = "not called"

// isOperation tells operations from what else a client has: they take a context, or give a pager. The older clients also
// publish the steps of each operation.
func isOperation(method reflect.Method) bool {
	takesContext := method.Type.NumIn() > 1 && method.Type.In(1) == contextType
	return takesContext && !strings.HasSuffix(method.Name, "Preparer") || strings.HasSuffix(method.Name, "Pager")
}

// New watches groups of operations.
func New(groups map[string]any) *Recorder {
	recorder := &Recorder{groups: map[string]reflect.Value{}, outcomes: map[string]string{}}
	for name, group := range groups {
		value := reflect.ValueOf(group)
		recorder.groups[name] = value
		for at := 0; at < value.NumMethod(); at++ {
			if method := value.Type().Method(at); isOperation(method) {
				recorder.outcomes[name+"."+method.Name] = notCalled
			}
		}
	}
	return recorder
}

// Call calls an operation and gives what it answered; options that are not given are empty.
func (r *Recorder) Call(operation string, given ...any) (answer any, err error) {
	r.last = operation
	group, name, _ := strings.Cut(operation, ".")
	method := r.groups[group].MethodByName(name)
	bounded, cancel := context.WithCancel(context.Background())
	// Not at the end of the call: content of files is read after it.
	time.AfterFunc(2*time.Minute, cancel)
	if method.Type().In(0) == contextType {
		given = append([]any{bounded}, given...)
	}
	results := finished(bounded, call(method, given...))
	err, _ = results[len(results)-1].Interface().(error)
	if r.outcomes[operation] == notCalled {
		r.outcomes[operation] = said(err)
	}
	return results[0].Interface(), err
}

func call(method reflect.Value, given ...any) []reflect.Value {
	arguments := []reflect.Value{}
	for at := 0; at < method.Type().NumIn(); at++ {
		if at < len(given) {
			arguments = append(arguments, reflect.ValueOf(given[at]))
		} else {
			arguments = append(arguments, reflect.Zero(method.Type().In(at)))
		}
	}
	return method.Call(arguments)
}

// finished waits for what a poller of Azure's clients polls, and reads the first page of a pager.
func finished(bounded context.Context, results []reflect.Value) []reflect.Value {
	if results[0].Kind() != reflect.Pointer || results[0].IsNil() {
		return results
	}
	if next := results[0].MethodByName("NextPage"); next.IsValid() {
		return call(next, bounded)
	}
	poll := results[0].MethodByName("PollUntilDone")
	if !poll.IsValid() {
		return results
	}
	options := reflect.New(poll.Type().In(1).Elem())
	options.Elem().FieldByName("Frequency").SetInt(int64(time.Second))
	return call(poll, bounded, options.Interface())
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Must is Call for what may not fail: else the section ends.
func (r *Recorder) Must(operation string, given ...any) any {
	answer, err := r.Call(operation, given...)
	if err != nil {
		panic(err)
	}
	return answer
}

// All calls a list and the forms of it that read all pages.
func (r *Recorder) All(operation string, given ...any) any {
	r.Must(operation+"CompleteMatchingPredicate", given...)
	r.Must(operation, given...)
	return r.Must(operation+"Complete", given...)
}

// Refused is a call that fails with this in its error; which makes its operation pass.
func (r *Recorder) Refused(reason string, operation string, given ...any) {
	_, err := r.Call(operation, given...)
	if err == nil || !strings.Contains(err.Error(), reason) {
		panic(fmt.Errorf("instead of %s: %v", reason, err))
	}
	r.outcomes[operation] = ""
}

// Section runs steps; one that fails ends it, and the operation that was called last is to blame.
func (r *Recorder) Section(steps func()) {
	defer func() {
		if failure := recover(); failure != nil {
			fmt.Fprintln(os.Stderr, r.last, failure)
			if r.outcomes[r.last] == "" {
				r.outcomes[r.last] = fmt.Sprint(failure)
			}
		}
	}()
	steps()
}

// Until asks until the answer, written as JSON, has this in it.
func (r *Recorder) Until(wanted string, ask func() any) {
	end := time.Now().Add(time.Minute)
	for {
		answer, _ := json.Marshal(ask())
		if strings.Contains(string(answer), wanted) {
			return
		}
		if time.Now().After(end) {
			panic(string(answer))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// Report prints a line for each operation.
func (r *Recorder) Report() {
	names := make([]string, 0, len(r.outcomes))
	for name := range r.outcomes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		line := map[string]any{"name": name, "passed": r.outcomes[name] == ""}
		if r.outcomes[name] != "" {
			line["error"] = r.outcomes[name]
		}
		text, _ := json.Marshal(line)
		fmt.Println(string(text))
	}
}

// From reads a value from JSON as the wire has it.
func From[T any](text string) T {
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(err)
	}
	return value
}
