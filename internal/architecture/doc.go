// Package architecture holds no code: its test keeps the floor plan of
// docs/architecture.md true. It lists, for each package, the imports that it may
// have, and names the import that breaks the plan.
//
// Start reading at TestFloorPlan.
package architecture
