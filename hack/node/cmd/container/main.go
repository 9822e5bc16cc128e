// Command container is what the tests' containers run. Without arguments it waits until it is told to end, as the
// container that holds a pod's namespaces does. With arguments it serves HTTP on port 8080:
//
//	container serve NAME… FILE…
//
// GET / answers, as JSON, the values of environment variables by their names, and the contents of files by their
// absolute paths, as they are at that moment. An environment variable or file that does not exist is left out. GET
// /ready succeeds unless the environment variable or file that READY names has a value that begins with "bad". If
// CRASH names it, the program exits with such a value.
//
// Under the name printenv it prints an environment variable, and under the name sleep it waits, as these commands do.
//
// It shows Secrets to all callers, so it is for tests alone. It imports the standard library alone.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if filepath.Base(os.Args[0]) == "printenv" {
		printEnvironment(os.Args[1:])
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if bad("CRASH") {
			fmt.Fprintln(os.Stderr, "container: the value is bad")
			os.Exit(1)
		}
		go serve(os.Args[2:])
	}
	<-ended
}

// printEnvironment prints the values of environment variables, and fails if one is not set.
func printEnvironment(names []string) {
	for _, name := range names {
		value, found := os.LookupEnv(name)
		if !found {
			os.Exit(1)
		}
		fmt.Println(value)
	}
}

func serve(shown []string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		values := map[string]string{}
		for _, name := range shown {
			if value, found := read(name); found {
				values[name] = value
			}
		}
		_ = json.NewEncoder(w).Encode(values) // An error means that the client is gone.
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if bad("READY") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "container:", server.ListenAndServe())
	os.Exit(1)
}

// read gives an environment variable, or the content of a file.
func read(name string) (string, bool) {
	if !strings.HasPrefix(name, "/") {
		return os.LookupEnv(name)
	}
	content, err := os.ReadFile(name)
	return string(content), err == nil
}

// bad says whether the value that a setting names begins with "bad".
func bad(setting string) bool {
	value, _ := read(os.Getenv(setting))
	return strings.HasPrefix(value, "bad")
}
