def run_length_encoding(word)
  word.chars.chunk_while { |left, right| left == right }.map { |run| "#{run[0]}#{run.length}" }.join
end

word = gets.chomp
puts run_length_encoding(word)
