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

// kubernetesConfig finds the API server as kubectl does: by the files of KUBECONFIG, the pod that this is, or
// ~/.kube/config. client-go passes over files that are not there, and then says only that it has no configuration.
func kubernetesConfig(getenv func(string) string) (*rest.Config, error) {
	config, err := ctrl.GetConfig()
	if err == nil {
		return config, nil
	}
	if wrong := wrongKubeconfig(getenv("KUBECONFIG")); wrong != nil {
		err = wrong
	} else if getenv("KUBECONFIG") == "" && getenv("KUBERNETES_SERVICE_HOST") == "" {
		err = errors.New("this is no pod of a cluster, and KUBECONFIG names no file: set it, or run the operator in a cluster")
	}
	return nil, fmt.Errorf("finding the Kubernetes API server: %w", err)
}

// wrongKubeconfig says why none of the files of KUBECONFIG can be used; nil where one can be opened.
func wrongKubeconfig(files string) error {
	var problems []error
	for _, file := range filepath.SplitList(files) {
		opened, err := os.Open(file)
		if err == nil {
			_ = opened.Close()
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("KUBECONFIG names %q, which does not exist", file)
			if trimmed := strings.TrimSpace(file); trimmed != file {
				err = fmt.Errorf("%w: there is whitespace around the name", err)
			}
		} else {
			err = fmt.Errorf("KUBECONFIG names a file that cannot be read: %w", err)
		}
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w; correct it, or unset it to use the cluster that the operator runs in", errors.Join(problems...))
}
