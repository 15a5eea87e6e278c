<?php

declare(strict_types=1);

function pathLength(array $points): float
{
    $length = 0.0;
    for ($i = 1; $i < count($points); $i++) {
        [$x, $y] = $points[$i];
        [$lastX, $lastY] = $points[$i - 1];
        $length += hypot($x - $lastX, $y - $lastY);
    }
    return $length;
}

$points = [];
while ($point = fscanf(STDIN, '%f %f')) {
    $points[] = $point;
}
printf("%.2f\n", pathLength($points));
