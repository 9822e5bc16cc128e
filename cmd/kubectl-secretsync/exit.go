package main

import (
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Exit codes. Trouble takes precedence over undetermined.
const (
	exitWell = 0
	// exitTrouble means that something is wrong, or differs.
	exitTrouble = 1
	// exitUsage means that the command line is wrong.
	exitUsage = 2
	// exitUndetermined means that the cluster or AWS was not reached, or that a right is missing.
	exitUndetermined = 3
)

// outcome is an error with an exit code. An empty text means that the output has said everything.
type outcome struct {
	code int
	text string
}

func (o outcome) Error() string { return o.text }

func trouble(format string, arguments ...any) error {
	return outcome{exitTrouble, fmt.Sprintf(format, arguments...)}
}

func usage(format string, arguments ...any) error {
	return outcome{exitUsage, fmt.Sprintf(format, arguments...)}
}

func undetermined(format string, arguments ...any) error {
	return outcome{exitUndetermined, fmt.Sprintf(format, arguments...)}
}

// refused is an error of the API server as an outcome.
func refused(err error) error {
	var known outcome
	var unreachable *url.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case apierrors.IsNotFound(err) && objectName(err) == "":
		return undetermined("the cluster has no kind SecretSync: the CRD secretsyncs.secretsync.dev is not installed. Install the operator, or check the context")
	case apierrors.IsNotFound(err), apierrors.IsInvalid(err), apierrors.IsConflict(err):
		return trouble("%v", err)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return undetermined("%v", err)
	case errors.As(err, &unreachable):
		return undetermined("the cluster was not reached: %v", err)
	}
	return undetermined("%v", err)
}

// objectName is the object that an error of the API server is about; empty if it is about a whole kind.
func objectName(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		return status.Status().Details.Name
	}
	return ""
}

// exitCode is the exit code of what a verb has returned. Errors without a code are those of cobra, about the command
// line.
func exitCode(err error) int {
	var known outcome
	switch {
	case err == nil:
		return exitWell
	case errors.As(err, &known):
		return known.code
	}
	return exitUsage
}

// worst joins exit codes: trouble takes precedence over undetermined.
func worst(codes ...int) int {
	result := exitWell
	for _, code := range codes {
		if code == exitTrouble || result == exitWell {
			result = code
		}
	}
	return result
}

// ended is the outcome of a verb that has printed everything.
func ended(code int) error {
	if code == exitWell {
		return nil
	}
	return outcome{code: code}
}
