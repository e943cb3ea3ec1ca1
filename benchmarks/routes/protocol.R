# What the timed R programs share: the task they read, a stopwatch, the result they write.
# A program is run as `Rscript program task.json result.json` in this folder.

arguments <- commandArgs(trailingOnly = TRUE)
task <- jsonlite::read_json(arguments[1])
stages <- list()

# Read the data: one row an answer, the score an ordered factor of all categories.
read_rows <- function() {
  rows <- utils::read.csv(task$data, stringsAsFactors = TRUE)
  rows$score <- factor(rows$score, levels = seq_len(task$scores) - 1, ordered = TRUE)
  rows
}

# Evaluate an expression and keep its time as that of a stage.
timed <- function(stage, expression) {
  start <- proc.time()[["elapsed"]]
  value <- force(expression)
  stages[[stage]] <<- proc.time()[["elapsed"]] - start
  value
}

write_result <- function(result, packages) {
  versions <- lapply(packages, function(name) as.character(utils::packageVersion(name)))
  versions <- c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
                stats::setNames(versions, packages))
  result <- c(result, list(seconds = stages, versions = versions))
  jsonlite::write_json(result, arguments[2], auto_unbox = TRUE, digits = NA)
}
