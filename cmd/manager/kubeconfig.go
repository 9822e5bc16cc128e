package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// kubernetesConfig finds the API server as kubectl does: by the files of KUBECONFIG, by the pod that it runs in, or by
// ~/.kube/config. client-go ignores files that do not exist, and then reports only that there is no configuration.
func kubernetesConfig(getenv func(string) string) (*rest.Config, error) {
	config, err := ctrl.GetConfig()
	if err == nil {
		return config, nil
	}
	if missing := missingKubeconfig(getenv("KUBECONFIG")); missing != nil {
		err = missing
	} else if getenv("KUBECONFIG") == "" && getenv("KUBERNETES_SERVICE_HOST") == "" {
		err = errors.New("the operator does not run in a pod, and KUBECONFIG names no file: set it, or run the operator in a cluster")
	}
	return nil, fmt.Errorf("finding the Kubernetes API server: %w", err)
}

// missingKubeconfig says why none of the files of KUBECONFIG can be used; nil if one of them exists.
func missingKubeconfig(files string) error {
	var problems []error
	for _, file := range filepath.SplitList(files) {
		_, err := os.Stat(file)
		switch {
		case err == nil:
			return nil // client-go has reported what is wrong with it.
		case errors.Is(err, fs.ErrNotExist) && strings.TrimSpace(file) != file:
			err = fmt.Errorf("KUBECONFIG names %q, which does not exist: there is whitespace around the name", file)
		case errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("KUBECONFIG names %q, which does not exist", file)
		default:
			err = fmt.Errorf("KUBECONFIG names a file that cannot be read: %w", err)
		}
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w; correct it, or unset it to use the cluster that the operator runs in", errors.Join(problems...))
}
