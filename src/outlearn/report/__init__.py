"""From a run folder to something a person reads: tables, findings, figures, one page. It reads, and never trains."""
