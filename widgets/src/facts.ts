// What a run is of: the JSON that comes with a chunk (flashmoe_nb/observe/facts.py and flashmoe_nb/widgets/feed.py).

export interface Facts {
  readonly model: string;
  readonly label: string;
  readonly num_layers: number;
  /** Number of each row of the L axis. */
  readonly sparse_layers: readonly number[];
  readonly num_experts: number;
  readonly top_k: number;
  readonly own_top_k: number;
  readonly expert_bytes: number;
  readonly residency_per_expert: boolean;
  readonly stages: readonly string[];
  readonly machine: string;
  readonly started: string;
}

/** Where the rows of a chunk stand in the run. */
export interface Place {
  /** Names the run: another one starts the store anew. */
  readonly run: string;
  readonly token_row: number;
  /** First token row with routing; later than `token_row` where a chunk leaves old routing out. */
  readonly routed_row: number;
  readonly read_row: number;
  readonly patch_row: number;
  readonly text_byte: number;
  /** Milliseconds since 1970 at the zero of all times of the run. */
  readonly epoch_ms: number;
  /** False while it is recorded. */
  readonly complete: boolean;
}
