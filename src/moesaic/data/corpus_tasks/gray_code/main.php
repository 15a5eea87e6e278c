<?php

declare(strict_types=1);

function grayCode(int $bits): Generator
{
    for ($index = 0; $index < 2 ** $bits; $index++) {
        yield sprintf("%0{$bits}b", $index ^ ($index >> 1));
    }
}

$bits = (int) fgets(STDIN);
foreach (grayCode($bits) as $value) {
    echo $value, PHP_EOL;
}
