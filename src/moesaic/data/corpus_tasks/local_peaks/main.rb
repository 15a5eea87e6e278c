def local_peaks(heights)
  heights.each_cons(3).filter_map do |left, height, right|
    height if height > left && height > right
  end
end

peaks = local_peaks(gets.split.map(&:to_i))
puts peaks.empty? ? "flat" : peaks.join(" ")
