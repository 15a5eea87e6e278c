# Runs every Ruby program of a folder on all its inputs: each is compiled once and run in forks of one process.
Dir.glob(File.join(ARGV.shift, "*", "main.rb")).each do |source|
  program = RubyVM::InstructionSequence.compile_file(source)
  Dir.glob(File.join(File.dirname(source), "*.in")).each do |path|
    Process.wait(fork do
      $stdin.reopen(path)
      $stdout.reopen(path.sub(/in\z/, "out"), "w")
      program.eval
    end)
  end
end
