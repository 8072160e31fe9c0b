/** A state machine: for each state the events that it allows, and the state that follows each. */
export type Transitions<State extends string, Event extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Event, State>>>>
>;

/** The state after an event; undefined when the table has no such transition. */
export function nextState<State extends string, Event extends string>(
  table: Transitions<State, Event>,
  state: NoInfer<State>,
  event: NoInfer<Event>,
): State | undefined {
  return table[state][event];
}

/**
 * The state after an event that the caller knows to be allowed.
 * @throws RangeError when the table has no such transition
 */
export function requiredState<State extends string, Event extends string>(
  table: Transitions<State, Event>,
  state: NoInfer<State>,
  event: NoInfer<Event>,
): State {
  const next = nextState(table, state, event);
  if (next === undefined) throw new RangeError(`the state ${state} does not allow the event ${event}`);
  return next;
}

/** The states that allow an event, for statements that move many rows at once. */
export function statesBefore<State extends string, Event extends string>(
  table: Transitions<State, Event>,
  event: NoInfer<Event>,
): State[] {
  const known = (state: string): state is State => state in table;
  return Object.keys(table)
    .filter(known)
    .filter((state) => nextState(table, state, event) !== undefined);
}

/** A resource that remembers the state it had before. */
interface Remembering {
  readonly state: string;
  readonly stateTransitionTime: Date;
  readonly previousState: string | null;
  readonly previousStateTransitionTime: Date | null;
}

/**
 * The resource in a new state. A state that it passes through by itself (`passing`) does not become its previous state.
 */
export function entered<Resource extends Remembering>(
  resource: Resource,
  state: Resource["state"],
  now: Date,
  passing: readonly Resource["state"][] = [],
): Resource {
  const previous = passing.includes(resource.state)
    ? {}
    : { previousState: resource.state, previousStateTransitionTime: resource.stateTransitionTime };
  return { ...resource, ...previous, state, stateTransitionTime: now };
}
