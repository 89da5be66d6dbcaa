package api

import (
	_ "embed"
	"net/http"
)

// openapi describes all that the package serves (OpenAPI 3.1). A test holds it against the routes and
// their answers.
//
//go:embed openapi.json
var openapi []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, "application/json", openapi)
}
