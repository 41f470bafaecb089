// Package dispatch is the vocabulary of Firstfix: typed ids, entities, state
// machines, reasons of refusal, pure rules, and the ports that the use cases
// need from the outside.
//
// It decides nothing that needs a database and knows no wire format: the use
// cases in its sub-packages call it, dispatch/postgres stores its entities and
// dispatch/grpcapi translates them. The words are those of docs/glossary.md.
package dispatch
