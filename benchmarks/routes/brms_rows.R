# brms' cumulative family on one row an answer, by rstan.

source("protocol.R")

timed("import", suppressPackageStartupMessages(library(brms)))
rows <- read_rows()
prior <- set_prior(sprintf("normal(0, %.6f)", task$coefficient_sd), class = "b")
model <- timed("compile", suppressMessages(
  brm(as.formula(task$formula), rows, cumulative("logit"), prior = prior, chains = 0, silent = 2)
))
fitted <- timed("sample", update(
  model, recompile = FALSE, chains = task$chains, warmup = task$tune,
  iter = task$tune + task$draws, cores = parallel::detectCores(), seed = task$seed,
  refresh = 0, silent = 2
))
summary <- timed("summary", suppressWarnings(summary(fitted)$fixed))
write_result(
  list(
    ess_bulk_min = min(summary$Bulk_ESS),
    estimate = summary[task$term, "Estimate"],
    standard_error = summary[task$term, "Est.Error"]
  ),
  c("brms", "rstan")
)
