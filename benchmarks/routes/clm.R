# Maximum likelihood by clm of the package ordinal, on one row an answer.

source("protocol.R")

timed("import", suppressPackageStartupMessages(library(ordinal)))
rows <- read_rows()
fitted <- timed("sample", clm(as.formula(task$formula), data = rows))
coefficients <- timed("summary", coef(summary(fitted)))
write_result(
  list(
    estimate = coefficients[task$term, "Estimate"],
    standard_error = coefficients[task$term, "Std. Error"]
  ),
  "ordinal"
)
